# Unpack in the folder $0 what the program "$@", as send.sh, writes; it fails unless all of it has come.
umask 077
[ ! -d "$0/new" ] || { chmod -R u+rwX "$0/new"; rm -rf "$0/new"; }
mkdir "$0/new" || exit 1
OWN=$({ "$@" 2> "$0/said" | { tee /dev/fd/5 | cksum >&4; } 5>&1 | tar -x -p -o -f - -C "$0/new" 2> "$0/told"; } 4>&1)
WRONG=$?
grep -h -v '^skelebot-tar \|^[0-9]* [0-9]*$\|^tar: Exiting with\|^tar: Error is not' "$0/told" "$0/said" >&2
[ "$WRONG" = 0 ] || exit 1
THERE=$(grep '^[0-9]* [0-9]*$' "$0/said") ENDED=$(sed -n 's/^skelebot-tar //p' "$0/said")
if [ -n "$THERE" ] && [ "$THERE" != "$OWN" ] || [ -z "$ENDED" ] || [ ! -e "$0/new/.skelebot-end" ]; then
    echo "the stream was cut" >&2
    exit 1
fi
[ "$ENDED" = 0 ] || { echo whole; exit "$ENDED"; }
