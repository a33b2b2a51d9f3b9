# What git knows of the tree here, into the folder $0. No lock of the index, no program of the
# repository's; a patch of at most 10 MiB, counted in blocks of 512 bytes.
umask 077
export GIT_OPTIONAL_LOCKS=0
told=$(git status --porcelain=v2 --branch -- .) || exit
printf '%s\n' "$told" > "$0/git"
ulimit -f 20480
exec git diff --no-ext-diff --no-textconv --binary HEAD -- . > "$0/diff.patch"
