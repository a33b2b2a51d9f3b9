# Give what the next $0 words print to the program that the words after them are.
{
    N=0
    for WORD; do
        shift
        N=$((N + 1))
        [ "$N" -gt "$0" ] || set -- "$@" "$WORD"
    done
    "$@"
} | {
    shift "$0"
    "$@"
}
