#!/usr/bin/env bash
# Start what the real tests need, on a bare Debian machine, as root: a Docker engine, a base
# image, podman with the same image, and a second engine that stands for another Docker host;
# three S3 servers (s3rver, moto, and moto that checks signatures), a WebDAV server (nginx), a
# Kerberos realm, a container registry, an index for pip and the proxy by which alone it is
# reached, what to compare ours with (boto3, dohq-artifactory, jsonschema), what a project may need
# (scikit-learn), a browser (Chromium), and more shells (zsh, fish); Slurm with a login node, a
# lab's Slurm with a disk of its own, and Kubernetes with two nodes.
#
#   tests/services.sh             start; what runs already is used as it is
#   tests/services.sh kubernetes  wait for Kubernetes, which is built and started in the background
#   tests/services.sh lab         wait for the lab, which is made and started in the background
#   tests/services.sh slurm       start what of the other Slurm does not run
#   tests/services.sh stop        stop what this script started
#
# Everything lies in $SKELEBOT_TEST_STATE (/var/tmp/skelebot-tests): images, logs, process ids,
# and `env` with the variables for the tests, which tests/run.sh reads.
set -euo pipefail

state=${SKELEBOT_TEST_STATE:-/var/tmp/skelebot-tests}
runtime=/run/skelebot-tests # sockets; their paths must be short
remote=tcp://127.0.0.1:23769
bridge=skelebot0 # the second engine's network, since docker0 is the first one's
subnet=172.31.254
s3rver=http://127.0.0.1:23770 # takes the key S3RVER with whatever secret
moto=http://127.0.0.1:23771   # takes every key
nginx=http://127.0.0.1:23772  # tests/nginx/nginx.conf has this port too, and the next
nginx_tls=https://localhost:23773
signed=http://127.0.0.1:23774 # tests/moto_signed.py has the keys
kdc=$subnet.1:23775 # tests/kdc has it too
registry=127.0.0.1:23776 # tests/registry has it too
proxy=http://$subnet.1:23777 # tests/proxy has it too
index=https://index.skelebot.test:23778/simple # tests/index has the port too
bucket=skelebot-test
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
names=(python:3.13-slim rocker/r-ver:4.5 debian:stable-slim) # what Skelebot's default images are called

say() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }

# logged NAME COMMAND...: what the command says goes to NAME.log, and is shown only if it fails.
logged() {
  local log=$state/$1.log
  shift
  "$@" >"$log" 2>&1 || { say "failed with $?: $*"; tail -n 30 "$log"; exit 1; }
}

# patient COMMAND...: tried again where it fails, since a mirror may; only what can be begun again.
patient() {
  local pause
  for pause in 5 30; do
    "$@" && return
    echo "failed with $?, and is tried again: $*"
    sleep "$pause"
  done
  "$@"
}

# ---- Packages --------------------------------------------------------------

# install_packages NAME COMMAND[:PACKAGE]...: the packages whose commands this machine lacks.
install_packages() {
  local name=$1 wanted=() pair
  shift
  for pair; do
    command -v "${pair%:*}" >/dev/null || wanted+=("${pair#*:}")
  done
  [ ${#wanted[@]} -gt 0 ] || return 0
  say "installing ${wanted[*]}"
  logged "$name" patient timeout 300 apt-get update --quiet=2
  DEBIAN_FRONTEND=noninteractive without_services logged "$name" \
    patient timeout 900 apt-get install --yes --quiet=2 --no-install-recommends "${wanted[@]}"
}

# Run a command while no package may start its service: ours are started here, with folders of their own.
without_services() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  "$@"
)

# ---- Processes -------------------------------------------------------------

# The process id of our program NAME, if it lives: its folder is among its words. (A dead one may
# keep its number, but has no words.)
process_id() {
  local pid words
  pid=$(cat "$state/$1.pid" 2>/dev/null) && words=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") &&
    [[ $words == *"$state/$1"[\ /]* ]] && echo "$pid"
}

stop_process() {
  local name=$1 pid
  pid=$(process_id "$name") || return 0
  say "$name: stopping process $pid"
  kill "$pid"
  for _ in {1..150}; do
    process_id "$name" >/dev/null || return 0
    sleep 0.2
  done
  kill -KILL "$pid"
}

# launch NAME COMMAND...: run a command in the background, unless it still runs; it goes on when this
# script has ended. Its last word tells whose process it is.
launch() {
  local name=$1
  shift
  process_id "$name" >/dev/null && return
  setsid "$@" "$state/$name/" >"$state/$name.log" 2>&1 </dev/null &
  echo $! >"$state/$name.pid"
}

# Stop what was launched, with all that it has begun.
stop_launched() {
  local pid
  pid=$(process_id "$1") || return 0
  say "$1: stopping process group $pid"
  kill -- "-$pid"
}

# await NAME COMMAND...: wait until the command succeeds, since our program NAME answers.
await() {
  local name=$1 end=$((SECONDS + 180))
  shift
  while [ $SECONDS -lt $end ]; do
    if "$@"; then return; fi
    sleep 0.2
  done
  say "$name: no answer within three minutes; the end of $state/$name.log:"
  tail -n 30 "$state/$name.log"
  exit 1
}

# ---- Engines ---------------------------------------------------------------

answers() { timeout 10 docker "$@" info >/dev/null 2>&1; }

# start_engine NAME WRAPPER... -- OPTIONS...: wait until `dockerd OPTIONS`, run by WRAPPER, answers.
start_engine() {
  local name=$1 wrapper=() client=()
  shift
  while [ "$1" != -- ]; do wrapper+=("$1"); shift; done
  shift
  [ "$name" = engine ] || client=(--host "$remote")
  if answers "${client[@]}"; then
    say "$name: answers already"
    return
  fi
  say "$name: starting dockerd"
  # One that hangs must go first. One that was killed leaves its files, which the next would believe.
  stop_process "$name"
  rm -f "$state/$name.pid" "$runtime/$name/containerd/containerd.pid"
  setsid "${wrapper[@]}" dockerd --data-root "$state/$name" --exec-root "$runtime/$name" \
    --pidfile "$state/$name.pid" "$@" >"$state/$name.log" 2>&1 </dev/null &
  await "$name" answers "${client[@]}"
}

# The other host sees another /tmp, where the tests keep their projects: a bind mount finds nothing there.
start_other_host() {
  make_network
  start_engine other-host unshare --mount sh -c 'mount -t tmpfs tmpfs /tmp && exec "$@"' sh -- \
    --host "$remote" --bridge "$bridge" --iptables=false
}

# The bridge of the containers of an engine that is not the machine's first.
make_network() {
  if ! ip link show "$bridge" >/dev/null 2>&1; then
    ip link add "$bridge" type bridge
    ip address add "$subnet.1/24" dev "$bridge"
    ip link set "$bridge" up
  fi
  # Two engines would clear each other's rules, so this one makes none and has these.
  each_rule "rule -C" || each_rule "rule -A"
}

remove_network() {
  each_rule "rule -D" || true
  ip link delete "$bridge" 2>/dev/null || true
}

each_rule() {
  $1 POSTROUTING -t nat --source "$subnet.0/24" ! --out-interface "$bridge" --jump MASQUERADE &&
    $1 FORWARD --in-interface "$bridge" --jump ACCEPT &&
    $1 FORWARD --out-interface "$bridge" --jump ACCEPT
}

rule() { iptables --wait "$@" 2>/dev/null; }

# ---- Images ----------------------------------------------------------------

make_debian() {
  docker image inspect skelebot-test/debian >/dev/null 2>&1 && return
  if [ ! -e "$state/debian.tar" ]; then
    say "image: debootstrap"
    local root=$state/debian
    logged debootstrap patient unpack_debian bookworm "$root" ca-certificates
    # pip and git in the image must trust whom this machine trusts.
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    rm -rf "$root"/usr/share/{doc,info,locale,man}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*.log
    tar --directory "$root" --create --file "$state/debian.tar.part" .
    mv "$state/debian.tar.part" "$state/debian.tar"
    rm -rf "$root"
  fi
  docker import "$state/debian.tar" skelebot-test/debian >/dev/null
}

# unpack_debian SUITE ROOT PACKAGES: a small Debian with some packages, whatever has been there.
unpack_debian() {
  rm -rf "$2"
  timeout 900 debootstrap --variant=minbase --include="$3" "$1" "$2"
}

make_base() {
  say "image: skelebot-test/base"
  # The legacy builder, because every CLI has it, and some lack the other one's plugin.
  DOCKER_BUILDKIT=0 logged build timeout 900 docker build --tag skelebot-test/base "$tests/base"
  local name
  for name in "${names[@]}"; do
    # An image with a digest came from a registry: it is the real one, and stays.
    docker image inspect --format '{{join .RepoDigests ""}}' "$name" 2>/dev/null | grep -q . ||
      docker tag skelebot-test/base "$name"
  done
}

# copy_images CLI...: give the engine behind the CLI the same images, unless it has them.
copy_images() {
  local id
  id=$(docker image inspect --format '{{.Id}}' "${names[0]}")
  # podman writes an id without its algorithm.
  [ "$("$@" image inspect --format '{{.Id}}' "${names[0]}" 2>/dev/null | sed 's/^sha256://')" = "${id#sha256:}" ] && return
  say "image: copying to $*"
  docker save skelebot-test/base "${names[@]}" | logged load timeout 600 "$@" load
}

# ---- Servers ---------------------------------------------------------------

install_servers() {
  install_packages apt-servers Rscript:r-base-core curl nginx node:nodejs npm openssl krb5kdc:krb5-kdc \
    kadmin.local:krb5-admin-server kinit:krb5-user faketime docker-registry tinyproxy chromium zsh \
    fish munged:munge slurmctld slurmd sbatch:slurm-client sshd:openssh-server &
  local packages=$!
  install_python dohq dohq-artifactory==1.0.2
  install_python moto 'moto[server]==5.2.5' boto3==1.44.5
  install_python scripts click typer fire docopt
  install_python schema jsonschema==4.23.0
  install_python sklearn scikit-learn==1.5.2 numpy==2.0.2 scipy==1.13.1
  wait "$packages"
  install_r optparse argparse docopt
  install_npm s3rver s3rver@3.7.1
}

install_npm() {
  installed "$@" && return
  # npm trusts whom Node brings along, unless it is told to trust whom this machine trusts.
  NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt} logged "$1-install" patient timeout 600 npm install --prefix "$state/$1" --no-audit --no-fund --no-update-notifier "${@:2}"
  echo "${*:2}" >"$state/$1/installed"
}

install_python() {
  installed "$@" && return
  logged "$1-install" timeout 120 python3 -m venv "$state/$1"
  logged "$1-install" patient timeout 600 "$state/$1/bin/python" -m pip install --quiet "${@:2}"
  echo "${*:2}" >"$state/$1/installed"
}

# install_r NAME...: R's packages of these names. apt must not be busy already.
install_r() {
  Rscript -e "for (name in commandArgs(TRUE)) library(name, character.only = TRUE)" "$@" >/dev/null 2>&1 && return
  say "R: installing $*"
  logged r-install patient timeout 300 apt-get update --quiet=2
  DEBIAN_FRONTEND=noninteractive logged r-install \
    patient timeout 900 apt-get install --yes --quiet=2 --no-install-recommends "${@/#/r-cran-}"
}

# installed NAME PACKAGE...: whether the folder NAME has these; if not, it is emptied for them.
installed() {
  [ "$(cat "$state/$1/installed" 2>/dev/null)" != "${*:2}" ] || return 0
  say "$1: installing ${*:2}"
  rm -rf "${state:?}/$1"
  mkdir "$state/$1"
  return 1
}

start_servers() {
  make_certificates
  start_s3rver
  start_moto
  start_signed
  start_nginx
  start_registry
  start_kdc
  start_index
  start_proxy
}

# One authority of the tests' own, and a certificate for localhost that it has signed.
make_certificates() {
  local folder=$state/nginx request
  [ ! -e "$folder/localhost.pem" ] || return 0
  mkdir -p "$folder"
  request=(openssl req -x509 -config "$tests/nginx/openssl.cnf" -newkey rsa:2048 -nodes -days 3650)
  logged openssl "${request[@]}" -extensions authority -keyout "$folder/ca.key" -out "$folder/ca.pem"
  logged openssl "${request[@]}" -extensions localhost -subj /CN=localhost -CA "$folder/ca.pem" -CAkey "$folder/ca.key" \
    -keyout "$folder/localhost.key" -out "$folder/localhost.pem"
}

# An index of one package, `six` in a version that no other index has; the user token's password is secret.
start_index() {
  local folder=$state/index name=index.skelebot.test
  if [ ! -e "$folder/index.pem" ]; then
    mkdir -p "$folder/files"
    logged openssl openssl req -x509 -config "$tests/nginx/openssl.cnf" -newkey rsa:2048 -nodes -days 3650 \
      -extensions index -subj /CN=$name -CA "$state/nginx/ca.pem" -CAkey "$state/nginx/ca.key" \
      -keyout "$folder/index.key" -out "$folder/index.pem"
  fi
  cp "$tests/index/nginx.conf" "$folder/"
  python3 "$tests/index/package.py" "$folder/files/simple/six"
  echo "token:$(openssl passwd -apr1 secret)" >"$folder/users"
  start_process index fetch --insecure https://127.0.0.1:23778 -- nginx -p "$folder" -c "$folder/nginx.conf"
}

# Where the index is only the proxy knows, by an /etc/hosts of its own.
start_proxy() {
  local folder=$state/proxy
  mkdir -p "$folder"
  cp "$tests/proxy/tinyproxy.conf" "$folder/"
  printf '%s\n' '127.0.0.1 localhost' '127.0.0.1 index.skelebot.test' >"$folder/hosts"
  # shellcheck disable=SC2016  # the inner shell's
  start_server proxy "$proxy" unshare --mount sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh \
    "$folder/hosts" tinyproxy -d -c "$folder/tinyproxy.conf"
}

start_s3rver() {
  # Its continuation tokens are made with DES.
  start_server s3rver "$s3rver" node --openssl-legacy-provider "$state/s3rver/node_modules/s3rver/bin/s3rver.js" \
    --directory "$state/s3rver/data" --configure-bucket "$bucket" --address 127.0.0.1 --port "${s3rver##*:}"
}

start_moto() {
  start_server moto "$moto" "$state/moto/bin/python" "$state/moto/bin/moto_server" -H 127.0.0.1 -p "${moto##*:}"
  fetch --fail --request PUT "$moto/$bucket"
}

start_signed() {
  mkdir -p "$state/signed"
  cp "$tests/moto_signed.py" "$state/signed/"
  start_server signed "$signed/moto-api/" "$state/moto/bin/python" "$state/signed/moto_signed.py" -H 127.0.0.1 -p "${signed##*:}"
}

start_nginx() {
  mkdir -p "$state/nginx/temporary" "$state/nginx/files"/{small,private}
  cp "$tests/nginx/nginx.conf" "$state/nginx/"
  echo "ada:$(openssl passwd -apr1 secret)" >"$state/nginx/users"
  start_server nginx "$nginx_tls" nginx -p "$state/nginx" -c "$state/nginx/nginx.conf"
}

# The user ada, whose password is secret; the registry takes none but bcrypt's hashes.
start_registry() {
  mkdir -p "$state/registry/data"
  cp "$tests/registry/config.yml" "$state/registry/"
  echo "ada:$(perl -e 'print crypt("secret", "\$2y\$05\$saltsaltsaltsaltsaltsu")')" >"$state/registry/users"
  start_server registry "http://$registry" \
    env --chdir="$state/registry" docker-registry serve "$state/registry/config.yml"
}

# start_server NAME URL COMMAND...: wait until the command answers at the URL, with whatever status.
start_server() {
  local name=$1 url=$2
  shift 2
  start_process "$name" fetch "$url" -- "$@"
}

fetch() { curl --silent --output /dev/null --noproxy '*' --max-time 5 --cacert "$state/nginx/ca.pem" "$@"; }

# start_process NAME QUESTION... -- COMMAND...: wait until the question succeeds, since the command answers it.
start_process() {
  local name=$1 question=()
  shift
  while [ "$1" != -- ]; do question+=("$1"); shift; done
  shift
  # What lives may only be slow on a busy machine: it is asked once more before another takes its place.
  if "${question[@]}" || { process_id "$name" >/dev/null && sleep 5 && "${question[@]}"; }; then
    say "$name: answers already"
    return
  fi
  say "$name: starting"
  stop_process "$name"
  setsid "$@" >"$state/$name.log" 2>&1 </dev/null &
  echo $! >"$state/$name.pid"
  await "$name" "${question[@]}"
}

start_kdc() {
  local folder=$state/kdc realm
  realm=(env --chdir="$folder" KRB5_CONFIG=krb5.conf KRB5_KDC_PROFILE=kdc.conf)
  [ -e "$folder/bob.keytab" ] || rm -rf "$folder"
  mkdir -p "$folder"
  cp "$tests/kdc/"*.conf "$folder/"
  sed "s/$kdc/127.0.0.1:1/" "$folder/krb5.conf" >"$folder/unreachable.conf"
  if [ ! -e "$folder/bob.keytab" ]; then
    logged realm "${realm[@]}" kdb5_util create -s -P secret
    logged realm "${realm[@]}" kadmin.local <"$tests/kdc/principals"
  fi
  start_process kdc gives_tickets -- "${realm[@]}" krb5kdc -n -P "$folder/krb5kdc.pid"
}

gives_tickets() {
  KRB5_CONFIG=$state/kdc/krb5.conf timeout 10 kinit -c MEMORY: -k -t "$state/kdc/bob.keytab" bob 2>/dev/null
}

# ---- Clusters --------------------------------------------------------------

# shellcheck source=tests/clusters/slurm.sh
. "$tests/clusters/slurm.sh"
# shellcheck source=tests/clusters/lab.sh
. "$tests/clusters/lab.sh"
# shellcheck source=tests/clusters/kubernetes.sh
. "$tests/clusters/kubernetes.sh"

# ---- Command line ----------------------------------------------------------

start() {
  mkdir -p "$state" "$runtime"
  install_packages apt dockerd:docker.io debootstrap podman catatonit runc iptables ip:iproute2 git \
    python3:python3-yaml "$(python3 -c 'import ensurepip' 2>/dev/null && echo python3 || echo python3-venv)" \
    make rsync socat
  launch kubernetes-build nice -n 5 "$tests/clusters/kubernetes_build.sh" "$kubernetes"
  install_servers & # beside the images, which take as long
  local servers=$!
  start_engine engine --
  make_debian
  make_base

  cp "$tests/base/containers.conf" "$tests/registry/registries.conf" "$state/"
  export CONTAINERS_CONF=$state/containers.conf CONTAINERS_REGISTRIES_CONF=$state/registries.conf
  copy_images podman

  start_other_host
  copy_images docker --host "$remote"

  wait "$servers"
  start_servers
  start_slurm
  launch lab-start "$tests/services.sh" lab
  launch kubernetes-start "$tests/services.sh" kubernetes

  cat >"$state/env" <<END
export SKELEBOT_TEST_REMOTE=$remote
export CONTAINERS_CONF=$state/containers.conf
export SKELEBOT_TEST_S3RVER=$s3rver
export SKELEBOT_TEST_MOTO=$moto
export SKELEBOT_TEST_SIGNED=$signed
export SKELEBOT_TEST_BOTO=$state/moto/bin/python
export SKELEBOT_TEST_NGINX=$nginx
export SKELEBOT_TEST_NGINX_TLS=$nginx_tls
export SKELEBOT_TEST_CA=$state/nginx/ca.pem
export SKELEBOT_TEST_DOHQ=$state/dohq/bin/python
export SKELEBOT_TEST_SCHEMA=$state/schema/bin/python
export SKELEBOT_TEST_SKLEARN=$state/sklearn/bin/python
export SKELEBOT_TEST_KDC=$state/kdc
export SKELEBOT_TEST_REGISTRY=$registry
export SKELEBOT_TEST_PROXY=$proxy
export SKELEBOT_TEST_INDEX=$index
export SKELEBOT_TEST_SCRIPTS=$state/scripts/bin
export CONTAINERS_REGISTRIES_CONF=$state/registries.conf
export SKELEBOT_TEST_CHROMIUM=$(command -v chromium)
export SKELEBOT_TEST_SLURM_CONF=$slurm/slurm.conf
export SKELEBOT_TEST_SSH=$slurm/bin
export SKELEBOT_TEST_KUBECONFIG=$kubernetes/kubeconfig
export SKELEBOT_TEST_KUBECTL_OLDEST=$kubernetes/oldest/kubectl
export SKELEBOT_TEST_KUBECTL_NEWEST=$kubernetes/newest/kubectl
END
  say "ready; $state/env holds"
  cat "$state/env"
}

stop() {
  local name
  for name in kubernetes-start kubernetes-build lab-start; do stop_launched "$name"; done
  stop_kubernetes
  stop_lab
  stop_slurm
  for name in proxy index kdc registry nginx signed moto s3rver other-host engine; do stop_process "$name"; done
  rm -rf "$state/s3rver/data" "$state/nginx/files" "$state/registry/data" # what the tests sent
  # One that another state folder belongs to still needs its network.
  if ! answers --host "$remote"; then
    remove_network
  fi
  rm -f "$state/env"
}

case ${1:-start} in
  start) start ;;
  stop) stop ;;
  slurm) start_slurm ;;
  kubernetes) start_kubernetes ;;
  lab) start_lab ;;
  *) sed -n '2,17s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
