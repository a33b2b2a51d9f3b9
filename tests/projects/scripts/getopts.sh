#!/usr/bin/env bash
usage() { echo "Usage: $0 [-n NAME] [-t TIMES]" 1>&2; }

times=1
while getopts ":n:t:vh" options; do
  case "${options}" in
    n) NAME=${OPTARG} ;;
    t) times=${OPTARG} ;;
    v) verbose=1 ;;
    h) usage; exit 0 ;;
    *) usage; exit 1 ;;
  esac
done
shift $((OPTIND - 1))
echo "Hi, ${NAME:-nobody}! $times ${verbose:-0} $*"
