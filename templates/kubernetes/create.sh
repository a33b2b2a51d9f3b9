# Create the Job and its Secret, the two lines of stdin, by "$@"; the Secret is owned by the Job's uid, which is printed.
# This goes on if only its caller is killed: a pod whose Secret never comes would wait for ever.
trap '' PIPE
BOTH=$(cat)
OWNER=$(printf '%s\n' "$BOTH" | sed 1q | "$@") || exit
echo "$OWNER"
printf '%s\n' "$BOTH" | sed "1d; s/\"uid\": \"OWNER\"/\"uid\": \"$OWNER\"/" | "$@" > /dev/null
