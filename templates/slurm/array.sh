# Submit the scripts of the runs $3..., whose folders are in the folder $1, as an array of which $2 run at once.
cd "$1" || exit 1
MOST=$2 ALL=.array-$$
shift 2
trap 'rm -f "$ALL"' EXIT
{
    echo '#!/bin/sh'
    grep '^#SBATCH' "$1/script" | sed 's|--output=log$|--output=/dev/null|'
    echo "#SBATCH --array=1-$#%$MOST"
    echo "set -- $*"
    cat << 'END'
shift $((SLURM_ARRAY_TASK_ID - 1))
cd "$1" && exec $(sed -n '1s/^#!//p' script) script > log 2>&1
END
} > "$ALL" || exit 1
ID=$(sbatch --parsable "$ALL") || exit 1
TASK=0
for NAME; do
    TASK=$((TASK + 1))
    echo "${ID%%;*}_$TASK" > "$NAME/id"
done
