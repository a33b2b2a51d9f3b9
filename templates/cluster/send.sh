# Write an archive of those of the paths $2... of the folder $1 that exist. On stderr follow its checksum
# and length, and how tar has ended.
[ -d "$1" ] || [ ! -d "${1%/*}" ] || mkdir "$1"        # nothing has come there yet
cd "$1" && : > .skelebot-end || exit 1
shift
for ONE; do
    shift
    if [ -e "$ONE" ] || [ -L "$ONE" ]; then set -- "$@" "$ONE"; fi
done
exec 3>&2
{
    { tar -c -f - -- "$@" .skelebot-end; echo "skelebot-tar $?" >&3; } |
        if command -v cksum > /dev/null; then tee /dev/fd/4 | cksum >&3; else cat >&4; fi
} 4>&1 | cat
