# Unpack the archive on stdin in the folder $1, and say its checksum, if that is known here.
umask 077
mkdir -p "$1" || exit 1
exec 3>&1
if command -v sha256sum > /dev/null; then
    { tee /dev/fd/4 | sha256sum >&3; } 4>&1 | tar -x -p -o -f - -C "$1"
else
    tar -x -p -o -f - -C "$1"
fi
