# Runs a job as the first process of its container: main SECONDS WORD...
#
# It has SECONDS, if that is not 0, and 30 more after TERM; whoever ends it early lets it have 10. As long as it
# lives, the pipe `alive` has a writer: so the container beside it knows when to go.
time=$1 work=/run/skelebot-files job= late= again=
shift

end() {
    [ -n "$job" ] || return 0 # which hears of it as soon as it runs
    kill -TERM "$job" 2>/dev/null
    (sleep "$1" && kill -KILL "$job") 2>/dev/null &
}
trap 'again=1; end 10' TERM
trap 'again=1 late=1; end 30' USR1

[ ! -f /run/skelebot-variables/variables ] || . /run/skelebot-variables/variables
if [ -p "$work/alive" ]; then
    exec 9<>"$work/alive"
fi
if env --default-signal=INT,QUIT true 2>/dev/null; then # which a shell keeps from what is behind it
    set -- env --default-signal=INT,QUIT "$@"
fi
"$@" 9>&- &
job=$!
[ -z "$again" ] || { sleep 1; end 10; } # what has only just been forked may not hear it yet
if [ "$time" -gt 0 ]; then
    (sleep "$time" && kill -USR1 $$) 2>/dev/null &
fi
wait "$job"
status=$?
while [ -n "$again" ]; do # a signal of ours has ended the wait, if it is not over with 127 now
    again=
    wait "$job" 2>/dev/null
    set -- $?
    [ "$1" = 127 ] || status=$1
done
[ -z "$late" ] || status=124
exit "$status"
