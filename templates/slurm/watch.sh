# What Slurm does with the runs whose folders are $2..., or on stdin, as - says; $1 is what is asked for.
DO=$1
shift
if [ "$1" = - ]; then
    set -f
    IFS='
'
    set -- $(cat)
    unset IFS
    set +f
fi

# States of jobs, as lines of number, state and reason; squeue is asked once for all of them, and again after
# two seconds.
states() {
    if [ "$(head -n 1 "$KEPT" 2> /dev/null)" = "$1" ] && [ "$(find "$KEPT" -newermt '2 seconds ago' 2> /dev/null)" ]; then
        sed 1d "$KEPT"
        return
    fi
    SAID=$(squeue --noheader --states=all --array --jobs "$1" --format "%i %T %r" 2>&1) && {
        { echo "$1"; echo "$SAID"; } > "$KEPT.$$" && mv "$KEPT.$$" "$KEPT" || rm -f "$KEPT.$$"
        echo "$SAID"
        return
    }
    case $SAID in *"Invalid job id"*) ;; *) echo "$SAID" >&2; return 1 ;; esac
}

# How a job has ended that has written no status: an exit status, and why.
ended() {
    SAID=$(scontrol --oneliner show job "$1" 2> /dev/null |
        sed -n 's/.* JobState=\([A-Z_]*\) Reason=\([^ ]*\).* ExitCode=\([0-9]*\):.*/\1 \3 \2/p' | tail -n 1)
    [ -n "$SAID" ] || SAID=$(sacct --noheader --allocations --parsable2 --format State,ExitCode --jobs "$1" \
        2> /dev/null | sed -n 's/^\([A-Z_]*\)[^|]*|\([0-9]*\):.*/\1 \2/p' | tail -n 1)
    set -- ${SAID% None}
    case $1 in
    TIMEOUT | DEADLINE) echo "124 Slurm ended it when its time was over" ;;
    OUT_OF_MEMORY) echo "137 its memory ran out: resources.memory gives it more" ;;
    CANCELLED) echo "143 somebody cancelled it" ;;
    PREEMPTED) echo "143 another job took its place" ;;
    NODE_FAIL | BOOT_FAIL) echo "125 its node failed" ;;
    FAILED)
        if grep -q "xceeded .*memory limit" "$ROOT/log" 2> /dev/null; then
            echo "137 its memory ran out: resources.memory gives it more"
        elif [ -e "$ROOT/begun" ]; then
            echo "$(($2 ? $2 : 137)) Slurm killed it${3:+ ($3)}"
        else
            echo "$(($2 ? $2 : 125)) Slurm could not start it${3:+ ($3)}: does its node see ${ROOT%/*}?"
        fi ;;
    COMPLETED) echo "125 it ended, and its folder has no status: do all nodes see it?" ;;
    *) echo "125 Slurm does not know it any more, and its status was not written" ;;
    esac
}

# What folders say by themselves: name and exit status, or `?`, number and folder of a job that has written none.
look() {
    for ROOT; do
        ID=
        if [ -e "$ROOT/status" ]; then
            read -r STATUS < "$ROOT/status"
            echo "${ROOT##*/} $STATUS"
        elif [ ! -d "$ROOT" ]; then
            echo "${ROOT##*/} gone"
        elif read -r ID < "$ROOT/id" || [ "$ID" ]; then
            echo "? $ID $ROOT"
        else
            echo "${ROOT##*/} 125 skelebot was ended by force before it was submitted"
        fi
    done 2> /dev/null
}

# One line for each folder: its name, and its exit status, or `goes on`, or how it has ended.
tell() {
    KEPT=${1%/*}/.states KNOWN=
    IDS=$(look "$@" | sed -n 's/^? \([0-9]*\).*/\1/p' | sort -u | paste -s -d , -)
    [ -z "$IDS" ] || KNOWN=$(states "$IDS") || exit 1
    { echo "$KNOWN" && echo && look "$@"; } | awk '
        looks && $1 == "?" && $2 in STATE { ID = $2; sub(/.*\//, ""); print $0 " goes on: " STATE[ID]; next }
        looks && $0
        !$0 { looks = 1 }
        $2 ~ /^(PENDING|RUNNING|CONFIGURING|COMPLETING|SUSPENDED|REQUEUE|RESIZING|SIGNALING|STAGE_OUT|STOPPED|SPECIAL_EXIT)/ {
            ID = $1; sub(/^[^ ]* /, ""); STATE[ID] = $0 }' | while read -r LINE; do
        ROOT=${LINE#* * }
        case $LINE in
        "? "*)                          # its status may be on its way here; NFS looks again where something is new
            { : > "$ROOT/.seen"; } 2> /dev/null
            [ -e "$ROOT/status" ] || [ "$LATE" ] || sleep 1
            LATE=1 ID=${LINE#? } ID=${ID%% *} STATUS=
            { read -r STATUS < "$ROOT/status"; } 2> /dev/null
            echo "${ROOT##*/} ${STATUS:-$(ended "$ID")}" ;;
        *) echo "$LINE" ;;
        esac
    done
}

# Why a job waits, in words.
words() {
    case $1 in
    Resources | Priority) echo "others come first ($1)" ;;
    None) echo "Slurm has not looked at it yet" ;;
    BeginTime | Dependency) echo "it is to begin later ($1)" ;;
    PartitionTimeLimit) echo "its time is longer than the partition allows: let resources say less" ;;
    PartitionDown | PartitionInactive) echo "its partition takes no jobs ($1)" ;;
    JobHeld*) echo "it is held: scontrol release $(cat id) lets it go" ;;
    *Unavail* | ReqNodeNotAvail* | *DOWN* | NodeDown) echo "its nodes are down or kept for others ($1)" ;;
    JobArrayTaskLimit) echo "as many of its sweep run as may" ;;
    QOS* | Assoc* | Max*) echo "a limit of your account is reached ($1)" ;;
    *) echo "$1" ;;
    esac
}

# Sleep until the next look at the files: briefly at first. It fails when Slurm has to be asked again, which is after
# two seconds, then ever less often.
LOOKS=0 SLEPT=0 PAUSE=2000 LATE=        # milliseconds
rest() {
    case $((LOOKS / 50)) in
    0) MOST=20 && sleep 0.02 ;;
    1) MOST=100 && sleep 0.1 ;;
    *) MOST=500 && sleep 0.5 ;;
    esac
    LOOKS=$((LOOKS + 1)) SLEPT=$((SLEPT + MOST))
    [ "$SLEPT" -ge "$PAUSE" ] || return 0
    SLEPT=0 PAUSE=$((PAUSE * 2 < 60000 ? PAUSE * 2 : 60000))
    return 1
}

# Print what there is of the log beyond OFFSET.
print() {
    [ -s log ] && SIZE=$(wc -c < log) && [ "$SIZE" -gt "$OFFSET" ] || return 1
    tail -c "+$((OFFSET + 1))" log | head -c "$((SIZE - OFFSET))"
    OFFSET=$SIZE
}

stop() {
    cd "$1" && [ ! -e status ] && ID=$(cat id) && [ "$ID" ] || return
    HEARD= AWAY=
    for SOON in 0.1 0.1 0.2 0.3 0.3 $(seq 60); do
        [ "$HEARD" ] || {
            [ ! -e begun ] || HEARD=1   # before that nobody may hear it
            scancel --state=PENDING "$ID" && scancel --batch --signal=USR2 "$ID" || HEARD=
        } 2> /dev/null
        [ ! -e status ] || return
        SAID=$(tell "$PWD" 2> /dev/null) || AWAY=x$AWAY SAID="goes on"
        case $SAID in *"goes on"*) ;; *) return ;; esac
        [ "$AWAY" != xxx ] || return    # Slurm does not answer
        case $SOON in 0.*) sleep "$SOON" ;; *) sleep 0.5 ;; esac
    done
    scancel "$ID"; scancel --signal=KILL "$ID"; scancel --batch --signal=KILL "$ID"
}

case $DO in
ends)
    tell "$@" ;;
any)                                    # wait until one has ended
    while :; do
        for ROOT; do
            [ ! -e "$ROOT/status" ] || exit 0
        done
        rest || case $(tell "$@" | grep -v ' goes on') in ?*) exit 0 ;; esac
    done ;;
begin)                                  # wait until it has begun, or ended
    cd "$1" 2> /dev/null || exit 1
    WHY= SAID="goes on"
    while [ ! -e begun ] && [ ! -e status ]; do
        rest || SAID=$(tell "$PWD") && case $SAID in
        *"goes on: PENDING"*)
            [ "$SAID" = "$WHY" ] || echo "skelebot: job $(cat id) waits: $(words "${SAID#*PENDING }")" >&2
            WHY=$SAID ;;
        *"goes on"*) ;;
        *) exit 0 ;;
        esac
    done ;;
follow)                                 # its exit status is that of the job, or 125
    exec < /dev/null 2> /dev/null
    cd "$1" || exit 125
    OFFSET=0 SAID="goes on"
    while [ ! -e status ]; do
        ! print || LOOKS=90
        rest || SAID=$(tell "$PWD") && case $SAID in *"goes on"*) ;; *) break ;; esac
    done
    print
    read -r STATUS WHY < status || exit 125
    exit "$STATUS" ;;
log)
    cat "$1/log" ;;
stop | remove)                          # TERM, 30 seconds, KILL
    for ROOT; do
        (stop "$ROOT") &
    done 2> /dev/null
    wait
    [ "$DO" = stop ] || rm -rf "$@" 2> /dev/null || {
        find "$@" -type d -exec chmod u+rwx {} \;
        rm -rf "$@"
    } 2> /dev/null ;;
esac
