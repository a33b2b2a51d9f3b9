#!/bin/sh
# Run the tests: test_*.py, which need nothing but PyYAML, and real_*.py, which talk to a real
# Docker engine and are skipped where none answers (tests/services.sh starts one).
#
#   tests/run.sh                          every test
#   tests/run.sh test_reading 'real_*'    some modules
#   PYTHON=python3.8 tests/run.sh         under another Python
#   SKELEBOT_TEST_ALL=1 tests/run.sh      a skip is a failure; test_*.py under every Python of pyenv too
#
# The last line is `N passed, N failed, N skipped`, after the modules that took longest.
set -eu

cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
all=${SKELEBOT_TEST_ALL:-}
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/skelebot-tests
services=${SKELEBOT_TEST_STATE:-/var/tmp/skelebot-tests}/env

work=$(mktemp -d)
notes=$work/notes
: >"$notes"
times=$work/times
: >"$times"
unset PYTHONDONTWRITEBYTECODE # or every call of every test compiles what it imports
beside=
# shellcheck disable=SC2086  # they are numbers
trap '[ -z "$beside" ] || kill $beside 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Where this Python finds PyYAML: nowhere special, or in a folder of ours that install.sh has filled.
yaml_path() {
  "$1" -c 'import yaml' 2>/dev/null && return
  folder=$cache/$("$1" -c 'import sys; print("pyyaml-%s-%d.%d" % ((sys.platform,) + sys.version_info[:2]))')
  PYTHON=$1 ./install.sh --yaml "$folder" >&2 && echo "$folder"
}

# The Pythons of pyenv, 3.6 and newer, but for the one that has had its turn.
other_pythons() {
  command -v pyenv >/dev/null || return 0
  for version in $(pyenv versions --bare); do
    python=$(pyenv root)/versions/$version/bin/python
    case $version in */*) continue ;; esac # a virtual environment
    if [ "$(name "$python")" != "$(name "$PYTHON")" ] &&
      "$python" -c 'import sys; sys.exit(sys.version_info < (3, 6))'; then
      echo "$python"
    fi
  done
}

name() { "$1" -c 'import platform; print("%s %s" % (platform.python_implementation(), platform.python_version()))'; }

# modules PREFIX [PATTERN...]: the test modules with that prefix which match a pattern, or all.
modules() {
  prefix=$1
  shift
  for file in tests/"$prefix"_*.py; do
    module=$(basename "$file" .py)
    for pattern in "${@:-*}"; do
      # shellcheck disable=SC2254  # it is a pattern
      case $module in ${pattern%.py}) [ ! -e "$file" ] || echo "$module"; break ;; esac
    done
  done
}

# run PYTHON MODULE...: each in a process of its own, so that one that dies takes no other along. Where
# $engines is set, without their classes on other engines; where $only is set, the tests whose names fit one of its patterns.
engines='' only=''
run() {
  python=$1
  shift
  [ $# -gt 0 ] || return 0
  if ! path=$(yaml_path "$python"); then
    printf 'failed\tPyYAML for %s\n' "$python" >>"$notes"
    return
  fi
  for module in "$@"; do
    begun=$(date +%s)
    printf '\n==== %s, %s\n' "$module" "$(name "$python")"
    # shellcheck disable=SC2086  # several patterns, which are no files' names
    SKELEBOT_TEST_ENGINES=$engines PYTHONPATH=$path${path:+${PYTHONPATH:+:}}${PYTHONPATH:-} \
      "$python" -u tests/run.py "$module" "$notes" $only || true
    if [ "$(tail -n 1 "$notes")" = "done" ]; then
      sed '$d' "$notes" >"$notes.new" && mv "$notes.new" "$notes"
    else
      echo "$module did not come to its end"
      printf 'failed\t%s did not come to its end\n' "$module" >>"$notes"
    fi
    begun=$(($(date +%s) - begun))
    echo "$module took $begun s"
    echo "$begun s $module, $(name "$python")${engines:+, $engines}" >>"$times"
  done
}

# Three lanes go side by side, since much of each is waiting: the tests on this machine's Docker engine, which
# serves one at a time; those on other engines, and at last on the clusters, which are still being made; and those
# that need hardly an engine: the pure ones under every Python, and some real ones.
engineless="real_artifactory real_artifacts real_at_once real_completion real_install real_mutations real_recording real_schema real_signing real_transfers"
clusters="real_slurm real_kubernetes real_kubernetes_stops real_clusters real_places"
docker="BuildKit legacy new-cli"
others="podman remote"
# What expressions cost, and what is bounded, is alike in all Pythons, and takes the longest.
alike="test_backtracking test_bounds test_mutations"
slow="test_house test_components test_doing test_runs_sweeps test_scaffold test_command_line test_plugins test_runners test_help test_readme"

lines() { echo "$1" | tr ' ' '\n'; }
within() { grep -x -F "$(lines "$1")" || true; }
without() { grep -v -x -F "$(lines "$1")" || true; }

# on_others: of these modules, those that have classes on one of the other engines.
on_others() { while read -r module; do ! grep -qE "^@?on\(.*\"(podman|remote)\"" "tests/$module.py" || echo "$module"; done; }

# run_under NUMBER COUNT PYTHON MODULE...: the oldest of COUNT Pythons and the newest run all; each between them
# what is quick, and its share of what is slow.
run_under() {
  number=$1 count=$2 python=$3
  shift 3
  share=$slow
  if [ "$number" -gt 1 ] && [ "$number" -lt "$count" ]; then
    share=$(lines "$slow" | awk -v own="$number" -v all="$((count - 2))" 'NR % all == own % all' | tr '\n' ' ')
  fi
  # shellcheck disable=SC2046  # module names have no blanks
  run "$python" $(lines "$*" | without "$alike" | without "$slow") $(lines "$*" | within "$share")
}

# shellcheck disable=SC2046  # module names have no blanks
on_docker() {
  engines=$docker
  run "$PYTHON" $(modules real "$@" | without "$engineless" | without "$clusters")
}

# shellcheck disable=SC2046
elsewhere() {
  engines=$others only='*_on_podman.* *_on_remote.*'
  run "$PYTHON" $(modules real "$@" | without "$engineless" | without "$clusters" | on_others)
  engines='' only=''
  for module in $clusters; do run "$PYTHON" $(modules real "$@" | within "$module"); done
}

# shellcheck disable=SC2046
without_engine() {
  run "$PYTHON" $(modules test "$@")
  pythons=$(other_pythons | sort -V)
  number=0
  for python in $pythons; do
    number=$((number + 1))
    run_under "$number" "$(echo "$pythons" | wc -l)" "$python" $(modules test "$@")
  done
  run "$PYTHON" $(modules real "$@" | within "$engineless")
}

# start LANE PATTERN...: beside everything else; what it says comes last.
start() {
  lane=$1
  shift
  (
    notes=$work/$lane.notes
    : >"$notes"
    "$lane" "$@"
  ) >"$work/$lane.log" 2>&1 &
  beside=${beside:+$beside }$!
}

# finish LANE PROCESS: what it has said and noted.
finish() {
  wait "$2" || printf 'failed\tthe lane %s did not come to its end\n' "$1" >>"$notes"
  cat "$work/$1.log"
  cat "$work/$1.notes" >>"$notes"
}

count() { grep -c "^$1" "$notes" || true; }

# shellcheck source=/dev/null
if [ -e "$services" ]; then . "$services"; fi
if [ -z "$all" ]; then
  # shellcheck disable=SC2046
  run "$PYTHON" $(modules test "$@") $(modules real "$@")
else
  start without_engine "$@"
  start elsewhere "$@"
  on_docker "$@"
  finish without_engine "${beside% *}"
  finish elsewhere "${beside#* }"
  beside=
fi

passed=$(count passed) failed=$(count failed) skipped=$(count skipped)
echo
sort -rn "$times" | head
echo
grep '^failed' "$notes" || true
grep '^skipped' "$notes" | sort | uniq -c || true
status=0
if [ "$failed" -gt 0 ]; then status=1; fi
if [ $((passed + failed + skipped)) -eq 0 ]; then echo "no test ran" && status=1; fi
if [ -n "$all" ] && [ "$skipped" -gt 0 ]; then echo "SKELEBOT_TEST_ALL: a skip is a failure" && status=1; fi
echo "$passed passed, $failed failed, $skipped skipped"
exit $status
