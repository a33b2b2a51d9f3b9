# Ends a job in its container, as long as we are gone, with timeout's status if it is there.
LAST=$1
shift
timeout -k 1 9 true 2> /dev/null && exec timeout -k "$LAST" "$0" "$@"
(trap "" TERM; sleep "$0" && kill 0; sleep "$LAST" && kill -KILL 0) &
exec "$@"
