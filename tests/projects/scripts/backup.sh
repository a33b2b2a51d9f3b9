#!/bin/sh
# Copies what $9 is not.
log() {
  echo "$1: $2"
}
source=$1
target="${2:?where to}"
suffix=${3:-bak}
log "$source" "$target.$suffix"
awk '{ print $4 }' /dev/null
