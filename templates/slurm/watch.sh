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
    KEPT=${ROOT%/*}/.states
    if [ "$(head -n 1 "$KEPT" 2> /dev/null)" = "$1" ] && [ "$(find "$KEPT" -newermt '2 seconds ago' 2> /dev/null)" ]; then
        sed 1d "$KEPT"
        return
    fi
    SAID=$(squeue --noheader --states=all --array --jobs "$1" --format "%i %T %r" 2>&1) && {
        { echo "$1"; echo "$SAID"; } > "$KEPT.$$" && mv "$KEPT.$$" "$KEPT"
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
        2> /dev/null | sed -n 's/^\([A-Z_]*\)[^|]*|\([0-9]*\):.*/\1 \2 None/p' | tail -n 1)
    set -- $SAID
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
            echo "$(($2 ? $2 : 137)) Slurm killed it ($3)"
        else
            echo "$(($2 ? $2 : 125)) Slurm could not start it ($3): does its node see ${ROOT%/*}?"
        fi ;;
    COMPLETED) echo "125 it ended, and its folder has no status: do all nodes see it?" ;;
    *) echo "125 Slurm does not know it any more, and its status was not written" ;;
    esac
}

# One line for each folder: its name, and its exit status, or `goes on`, or how it has ended.
tell() {
    IDS= ASK=
    for ROOT; do
        [ -e "$ROOT/status" ] || IDS="$IDS,$(cat "$ROOT/id" 2> /dev/null)"
    done
    IDS=$(echo "$IDS" | tr , '\n' | sed 's/_.*//; /^$/d' | sort -u | paste -s -d , -)
    [ -z "$IDS" ] || KNOWN=$(states "$IDS") || exit 1
    for ROOT; do
        ID=$(cat "$ROOT/id" 2> /dev/null)
        STATE=$(echo "$KNOWN" | sed -n "s/^$ID //p")
        if [ -e "$ROOT/status" ]; then
            echo "${ROOT##*/} $(cat "$ROOT/status")"
        elif [ ! -d "$ROOT" ]; then
            echo "${ROOT##*/} gone"
        elif [ -z "$ID" ]; then
            echo "${ROOT##*/} 125 skelebot was ended by force before it was submitted"
        else
            case $STATE in
            PENDING* | RUNNING* | CONFIGURING* | COMPLETING* | SUSPENDED* | REQUEUE* | RESIZING* | SIGNALING* | STAGE_OUT* | STOPPED* | SPECIAL_EXIT*)
                echo "${ROOT##*/} goes on: $STATE" ;;
            *)
                [ -e "$ROOT/status" ] || sleep 1        # it may be on its way here
                echo "${ROOT##*/} $(cat "$ROOT/status" 2> /dev/null || ended "$ID")" ;;
            esac
        fi
    done
}

# Why a job waits, in words.
words() {
    case $1 in
    Resources | Priority | None | BeginTime) echo "others come first ($1)" ;;
    PartitionTimeLimit) echo "its time is longer than the partition allows: let resources say less" ;;
    PartitionDown | PartitionInactive) echo "its partition takes no jobs ($1)" ;;
    JobHeld*) echo "it is held: scontrol release $(cat id) lets it go" ;;
    *Unavail* | ReqNodeNotAvail* | *DOWN* | NodeDown) echo "its nodes are down or kept for others ($1)" ;;
    JobArrayTaskLimit) echo "as many of its sweep run as may" ;;
    QOS* | Assoc* | Max*) echo "a limit of your account is reached ($1)" ;;
    *) echo "$1" ;;
    esac
}

# Print what there is of the log beyond OFFSET.
print() {
    SIZE=$(wc -c 2> /dev/null < log) || return 1
    [ "$SIZE" -gt "$OFFSET" ] || return 1
    tail -c "+$((OFFSET + 1))" log | head -c "$((SIZE - OFFSET))"
    OFFSET=$SIZE
}

stop() {
    cd "$1" && [ ! -e status ] && ID=$(cat id) || return
    scancel --state=PENDING "$ID" 2> /dev/null
    scancel --batch --signal=USR2 "$ID" 2> /dev/null
    for SOON in 0.1 0.1 0.2 0.3 0.3 $(seq 60); do
        [ ! -e status ] || return
        case $(tell "$PWD" 2> /dev/null) in *"goes on"*) ;; *) return ;; esac
        case $SOON in 0.*) sleep "$SOON" ;; *) sleep 0.5 ;; esac
    done
    scancel "$ID"; scancel --signal=KILL "$ID"; scancel --batch --signal=KILL "$ID"
}

case $DO in
ends)
    tell "$@" ;;
any)                                    # wait until one has ended
    PAUSE=2
    NEXT=$(($(date +%s) + 2))
    while :; do
        for ROOT; do
            [ ! -e "$ROOT/status" ] || exit 0
        done
        if [ "$(date +%s)" -ge "$NEXT" ]; then
            SAID=$(tell "$@") && case $(echo "$SAID" | grep -v ' goes on') in ?*) exit 0 ;; esac
            PAUSE=$((PAUSE * 2 < 60 ? PAUSE * 2 : 60)) NEXT=$(($(date +%s) + PAUSE))
        fi
        sleep 0.3
    done ;;
begin)                                  # wait until it has begun, or ended
    cd "$1" 2> /dev/null || exit 1
    PAUSE=2 WHY=
    for SOON in $(seq 40); do
        [ ! -e begun ] && [ ! -e status ] || exit 0
        sleep 0.05
    done
    while [ ! -e begun ] && [ ! -e status ]; do
        SAID=$(tell "$PWD") && case $SAID in
        *"goes on: PENDING"*)
            [ "$SAID" = "$WHY" ] || echo "skelebot: job $(cat id) waits: $(words "${SAID#*PENDING }")" >&2
            WHY=$SAID ;;
        *"goes on"*) ;;
        *) exit 0 ;;
        esac
        sleep "$PAUSE"
        PAUSE=$((PAUSE * 2 < 60 ? PAUSE * 2 : 60))
    done ;;
follow)                                 # its exit status is that of the job, or 125
    cd "$1" 2> /dev/null || exit 125
    OFFSET=0 PAUSE=4 IDLE=0 SOON=0.02
    while [ ! -e status ]; do
        if print; then SOON=0.05; else sleep "$SOON"; fi
        case $SOON in 0.02) SOON=0.05 ;; 0.05) SOON=0.1 ;; 0.1) SOON=0.2 ;; *) SOON=0.5 IDLE=$((IDLE + 1)) ;; esac
        if [ "$IDLE" -ge "$PAUSE" ]; then       # in half seconds
            PAUSE=$((PAUSE * 2 < 120 ? PAUSE * 2 : 120)) IDLE=0
            SAID=$(tell "$PWD" 2> /dev/null) && case $SAID in *"goes on"*) ;; *) sleep 1; break ;; esac
        fi
    done
    print
    [ -e status ] || exit 125
    exit "$(cat status)" ;;
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
