# Keeps what a job has written until that was fetched, at most SECONDS after its end: out SECONDS
cd /run/skelebot-files || exit
left=$1
trap 'exit 0' TERM
(read -r _ <alive) & # ends with the last that has it open for writing
wait "$!"
while [ ! -e fetched ] && [ "$left" -gt 0 ]; do
    set -- /proc/[0-9]*
    [ $# -gt 1 ] || left=$((left - 1)) # else somebody is just fetching
    sleep 1 &
    wait "$!"
done
