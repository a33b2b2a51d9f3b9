# The words "$@" are the job. Its exit status comes into the file `status`, whole.
end() {
    SIGNAL=1
    kill -TERM "-$CHILD" || kill -TERM "$CHILD"
    (sleep 30; kill -KILL "-$CHILD") > /dev/null &
    LATER="$LATER $!"
}
LATER= SIGNAL= STATUS=127
trap end TERM USR2                      # USR2 as well: Slurm writes into the log that it has sent a TERM
mkdir -p tmp && : > begun
exec 4>&2 2> /dev/null                  # a shell says which of its programs were killed
setsid "$@" < /dev/null 2>&4 4>&- &
CHILD=$!
[ -z "$LIMIT" ] || {
    (sleep "$LIMIT"; : > over; kill -TERM $$) > /dev/null 2>&1 &
    LATER=$!
}
while wait "$CHILD"; NEW=$?; [ "$NEW" = 127 ] || STATUS=$NEW; [ "$SIGNAL" ]; do
    SIGNAL=
done
[ ! -e over ] || STATUS=124
rm -f secret
for ONE in $LATER; do
    pkill -P "$ONE"
    kill "$ONE"
done
echo "$STATUS" > status.new && mv status.new status
exit "$STATUS"
