# Give the archive on stdin to the program "$@", as receive.sh, which says the checksum and length of what has come.
SAID=$({ { tee /dev/fd/5 | cksum >&4; } 5>&1 | "$@"; } 4>&1) || exit 1
SAME=$(echo "$SAID" | grep '^[0-9]* [0-9]*$' | sort | uniq -d)
[ -n "$SAME" ] || echo "$SAID" | grep -q '^no cksum$' || { echo "the stream was cut" >&2; exit 1; }
