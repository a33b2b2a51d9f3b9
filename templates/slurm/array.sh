# Submit the scripts of the runs on stdin, whose folders are in the folder $1, as an array of which $2 run at once; as
# several, each after the one before, if there are more than Slurm allows in one.
cd "$1" || exit 1
MOST=$2 ALL=.array-$$ BEFORE=0 AFTER=
ROOM=$(scontrol show config 2> /dev/null | sed -n 's/^MaxArraySize *= *//p')
ROOM=$((${ROOM:-1001} - 1))
set -- $(cat)
trap 'rm -f "$ALL"' EXIT
while [ "$BEFORE" -lt $# ]; do
    SIZE=$(($# - BEFORE < ROOM ? $# - BEFORE : ROOM))
    {
        echo '#!/bin/sh'
        grep '^#SBATCH' "$1/script" | sed 's|--output=log$|--output=/dev/null|'
        echo "#SBATCH --array=1-$SIZE%$MOST"
        echo "set -- $*"
        echo "shift $BEFORE"
        cat << 'END'
shift $((SLURM_ARRAY_TASK_ID - 1))
cd "$1" && exec $(sed -n '1s/^#!//p' script) script > log 2>&1
END
    } > "$ALL" || exit 1
    ID=$(sbatch --parsable $AFTER "$ALL") || exit 1
    TASK=0
    for NAME in $(echo "$*" | tr ' ' '\n' | sed -n "$((BEFORE + 1)),$((BEFORE + SIZE))p"); do
        TASK=$((TASK + 1))
        echo "${ID%%;*}_$TASK" > "$NAME/id"
    done
    BEFORE=$((BEFORE + SIZE)) AFTER=--dependency=afterany:${ID%%;*}
done
