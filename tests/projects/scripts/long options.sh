#!/bin/bash
set -e
while [ $# -gt 0 ]; do
  case "$1" in
    -e|--environment) ENVIRONMENT="$2"; shift 2 ;;
    --dry-run) DRY=1; shift ;;
    *) break ;;
  esac
done
echo "${ENVIRONMENT:-none} ${DRY:-0} $*"
