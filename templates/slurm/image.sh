# Make the image $1 of what `docker save` has written to stdin. Those that nobody used for a month go.
umask 077
TAR=$1.$$.tar
trap 'rm -rf "$TAR" "$1.$$"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "${1%/*}" || exit 1
[ -O "${1%/*}" ] || { echo "${1%/*} belongs to another" >&2; exit 1; }
cat > "$TAR" || exit 1
case $1 in
*.sif)
    SAID=$(apptainer build --mksquashfs-args "-comp lz4" "$1.$$" "docker-archive:$TAR" 2>&1) ||
        SAID=$(apptainer build "$1.$$" "docker-archive:$TAR" 2>&1) || { echo "$SAID" >&2; exit 1; } ;;
*) mv "$TAR" "$1.$$" ;;
esac
mv "$1.$$" "$1" || exit 1
find "${1%/*}" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +
