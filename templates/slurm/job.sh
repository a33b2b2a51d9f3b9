# The words "$@" are the job. Its exit status comes into the file `status`, whole.
end() {
    kill -TERM "-$CHILD" || kill -TERM "$CHILD"
    (sleep 30; kill -KILL "-$CHILD") > /dev/null &
    LATER="$LATER $!"
} 2> /dev/null
mkdir -p tmp
: > begun
setsid "$@" < /dev/null 2>&1 &
CHILD=$! LATER=
trap end TERM
[ -z "$LIMIT" ] || {
    (sleep "$LIMIT"; : > over; kill -TERM $$) > /dev/null 2>&1 &
    LATER=$!
}
wait "$CHILD"
STATUS=$?
while kill -0 "$CHILD" 2> /dev/null; do     # a signal has come
    wait "$CHILD"
    STATUS=$?
done
[ ! -e over ] || STATUS=124
rm -f secret
for ONE in $LATER; do
    pkill -P "$ONE"
    kill "$ONE"
done 2> /dev/null
echo "$STATUS" > status.new && mv status.new status
exit "$STATUS"
