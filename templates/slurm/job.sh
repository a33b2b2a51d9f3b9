# The words "$@" are the job; KIND is what it runs in. Its exit status comes into the file `status`, whole.
end() {
    SIGNAL=1
    [ "$CHILD" ] || return 0            # it has not begun, and hears of it then
    kill -TERM "-$CHILD" || kill -TERM "$CHILD"
    (sleep 30; kill -KILL "-$CHILD") > /dev/null &
    LATER="$LATER $!"
}
load() {
    podman image exists "$IMAGE" || podman load --quiet --input "$PWD/../../images/$IMAGE.tar"
    podman image prune --force --filter until=720h --filter label=org.opencontainers.image.title
} > /dev/null 2>&1
[ -e script ] || exit 1                 # its folder is not seen here, or sbatch was believed to have failed
LATER= SIGNAL= CHILD= STATUS=127 WHY= BY=
printf '%-60s\n' 125 > status.new        # which has room then, whatever fills the disk
trap 'BY=skelebot; end' USR2            # of a TERM Slurm would write into the log
trap end TERM                           # Slurm's: the job has it too, and may have ended by it
hostname > begun.new && mv begun.new begun
[ "$KIND" = none ] || command -v "$KIND" > /dev/null || {
    rm -f secret
    echo "127 its node has no $KIND: let setup of the host load it, or container be another" > status.new
    mv status.new status
    exit 127
}
SECRET=$PWD/secret
if [ -e secret ]; then
    [ "$KIND" = none ] || SECRET=/run/skelebot-secret
    set -- sh -c '. "$0"; exec "$@"' "$SECRET" "$@"
    MOUNTS="$MOUNTS
secret:/run/skelebot-secret:ro"
fi
case $KIND in
apptainer) FLAG=--bind; mkdir -p tmp; set -- "$PWD/../../images/$IMAGE.sif" "$@" ;;
podman) FLAG=--volume; load; set -- "$IMAGE" "$@" ;;
none) MOUNTS= ;;
esac
set -f
IFS='
'
for MOUNT in $MOUNTS; do
    case $MOUNT in /*) ;; *) MOUNT=$PWD/$MOUNT ;; esac
    set -- "$FLAG" "$MOUNT" "$@"
done
unset IFS
set +f
case $KIND in
apptainer)
    [ -z "$GPUS" ] || set -- --nv "$@"
    set -- apptainer --quiet exec --containall --no-home --cleanenv --writable-tmpfs --pwd /app --workdir "$PWD/tmp" "$@" ;;
podman)
    [ -z "$GPUS" ] || set -- --device nvidia.com/gpu=all "$@"
    set -- podman run --rm --init --pull never --network host --entrypoint '' --name "$NAME" "$@" ;;
none)
    [ -z "$TICKET" ] || export KRB5CCNAME="FILE:$PWD/files$TICKET"
    case $METRICS in '') ;; /*) export SKELEBOT_METRICS="$METRICS" ;; *) export SKELEBOT_METRICS="$PWD/$METRICS" ;; esac
    set -- sh -c 'cd "$0" && exec "$@"' "$TOP" "$@" ;;
esac
exec 4>&2 2> /dev/null                  # a shell says which of its programs were killed
setsid "$@" < /dev/null 2>&4 4>&- &
CHILD=$!
[ -z "$SIGNAL" ] || { sleep 1; end; }   # what has only just begun may not hear it yet
[ -z "$LIMIT" ] || {
    (sleep "$LIMIT"; : > over; kill -TERM $$) > /dev/null 2>&1 &
    LATER="$LATER $!"
}
while wait "$CHILD"; NEW=$?; [ "$NEW" = 127 ] || STATUS=$NEW; [ "$SIGNAL" ]; do
    SIGNAL=
done
[ ! -e over ] || STATUS=124 BY=skelebot
case $BY$(tail -n 9 log) in
skelebot*) ;;
*slurmstepd*"*** JOB "*" DUE TO TIME LIMIT "*) STATUS=124 WHY="Slurm ended it when its time was over" ;;
*slurmstepd*"*** JOB "*" DUE TO PREEMPTION "*) WHY="another job took its place" ;;
*slurmstepd*"*** JOB "*" CANCELLED AT "*) WHY="somebody cancelled it" ;;
esac
[ ! -e secret ] || rm -f secret
for ONE in $LATER; do
    pkill -P "$ONE"
    kill "$ONE"
done
[ "$STATUS" = 0 ] || (echo > room) || WHY="the disk there is full"
printf '%-60s\n' "$STATUS $WHY" 1<> status.new && mv status.new status
exit "$STATUS"
