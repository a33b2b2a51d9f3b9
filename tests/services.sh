#!/usr/bin/env bash
# Start what the real tests need, on a bare Debian machine, as root: a Docker engine, a base
# image, podman with the same image, and a second engine that stands for another Docker host.
#
#   tests/services.sh         start; what runs already is used as it is
#   tests/services.sh stop    stop what this script started
#
# Everything lies in $SKELEBOT_TEST_STATE (/var/tmp/skelebot-tests): images, logs, process ids,
# and `env` with the variables for the tests, which tests/run.sh reads.
set -euo pipefail

state=${SKELEBOT_TEST_STATE:-/var/tmp/skelebot-tests}
runtime=/run/skelebot-tests # sockets; their paths must be short
remote=tcp://127.0.0.1:23769
bridge=skelebot0 # the second engine's network, since docker0 is the first one's
subnet=172.31.254
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
names=(python:3.13-slim rocker/r-ver:4.5 debian:stable-slim) # what Skelebot's default images are called

say() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }

# ---- Packages --------------------------------------------------------------

install_packages() {
  local wanted=() command package
  while read -r command package; do
    command -v "$command" >/dev/null || wanted+=("$package")
  done <<'END'
dockerd docker.io
debootstrap debootstrap
podman podman
catatonit catatonit
runc runc
iptables iptables
ip iproute2
git git
python3 python3-yaml
Rscript r-base-core
END
  [ ${#wanted[@]} -gt 0 ] || return 0
  say "installing ${wanted[*]}"
  timeout 300 apt-get update --quiet=2
  DEBIAN_FRONTEND=noninteractive timeout 900 apt-get install --yes --quiet=2 --no-install-recommends \
    "${wanted[@]}" >"$state/apt.log" 2>&1 || { tail -n 30 "$state/apt.log"; exit 1; }
}

# ---- Engines ---------------------------------------------------------------

answers() { timeout 10 docker "$@" info >/dev/null 2>&1; }

# The process id of our dockerd NAME, if it lives (a dead one may keep its number, but has no program).
engine_pid() {
  local pid
  pid=$(cat "$state/$1.pid" 2>/dev/null) && [[ $(readlink "/proc/$pid/exe") == */dockerd ]] && echo "$pid"
}

stop_engine() {
  local name=$1 pid
  pid=$(engine_pid "$name") || return 0
  say "$name: stopping process $pid"
  kill "$pid"
  for _ in {1..30}; do
    engine_pid "$name" >/dev/null || return 0
    sleep 1
  done
  kill -KILL "$pid"
}

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
  stop_engine "$name"
  rm -f "$state/$name.pid" "$runtime/$name/containerd/containerd.pid"
  setsid "${wrapper[@]}" dockerd --data-root "$state/$name" --exec-root "$runtime/$name" \
    --pidfile "$state/$name.pid" "$@" >"$state/$name.log" 2>&1 </dev/null &
  for _ in {1..60}; do
    if answers "${client[@]}"; then return; fi
    sleep 1
  done
  say "$name: no answer within a minute; the end of $state/$name.log:"
  tail -n 30 "$state/$name.log"
  exit 1
}

# The other host sees another /tmp, where the tests keep their projects: a bind mount finds nothing there.
start_other_host() {
  if ! ip link show "$bridge" >/dev/null 2>&1; then
    ip link add "$bridge" type bridge
    ip address add "$subnet.1/24" dev "$bridge"
    ip link set "$bridge" up
  fi
  # Two engines would clear each other's rules, so this one makes none and has these.
  each_rule "rule -C" || each_rule "rule -A"
  start_engine other-host unshare --mount sh -c 'mount -t tmpfs tmpfs /tmp && exec "$@"' sh -- \
    --host "$remote" --bridge "$bridge" --iptables=false
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
    rm -rf "$root"
    timeout 900 debootstrap --variant=minbase --include=ca-certificates bookworm "$root" \
      >"$state/debootstrap.log" 2>&1 || { tail -n 30 "$state/debootstrap.log"; exit 1; }
    # pip and git in the image must trust whom this machine trusts.
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    rm -rf "$root"/usr/share/{doc,info,locale,man}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*.log
    tar --directory "$root" --create --file "$state/debian.tar.part" .
    mv "$state/debian.tar.part" "$state/debian.tar"
    rm -rf "$root"
  fi
  docker import "$state/debian.tar" skelebot-test/debian >/dev/null
}

make_base() {
  say "image: skelebot-test/base"
  # The legacy builder, because every CLI has it, and some lack the other one's plugin.
  DOCKER_BUILDKIT=0 timeout 900 docker build --tag skelebot-test/base "$tests/base" \
    >"$state/build.log" 2>&1 || { tail -n 30 "$state/build.log"; exit 1; }
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
  docker save skelebot-test/base "${names[@]}" | timeout 600 "$@" load >"$state/load.log" 2>&1 ||
    { tail -n 30 "$state/load.log"; exit 1; }
}

# ---- Command line ----------------------------------------------------------

start() {
  mkdir -p "$state" "$runtime"
  install_packages
  start_engine engine --
  make_debian
  make_base

  cp "$tests/base/containers.conf" "$state/"
  export CONTAINERS_CONF=$state/containers.conf
  copy_images podman

  start_other_host
  copy_images docker --host "$remote"

  cat >"$state/env" <<END
export SKELEBOT_TEST_REMOTE=$remote
export CONTAINERS_CONF=$state/containers.conf
END
  say "ready; $state/env holds"
  cat "$state/env"
}

stop() {
  stop_engine other-host
  stop_engine engine
  # One that another state folder belongs to still needs its network.
  if ! answers --host "$remote"; then
    each_rule "rule -D" || true
    ip link delete "$bridge" 2>/dev/null || true
  fi
  rm -f "$state/env"
}

case ${1:-start} in
  start) start ;;
  stop) stop ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
