# Waits until the files of a job have come, at most SECONDS: in SECONDS
cd /run/skelebot-files && mkfifo alive || exit
tries=$((5 * $1))
while [ ! -d files ]; do
    [ "$tries" -gt 0 ] || {
        echo "skelebot: the files of the job have not come" >&2
        exit 1
    }
    set -- /proc/[0-9]*
    [ $# -gt 1 ] || tries=$((tries - 1)) # else they are just coming
    sleep 0.2 2>/dev/null || sleep 1
done
for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do # whoever brought them ends first
    set -- /proc/[0-9]*
    [ $# -gt 1 ] || exit 0
    sleep 0.1 2>/dev/null || sleep 1
done
