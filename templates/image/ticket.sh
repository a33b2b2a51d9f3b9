# Gets a Kerberos ticket with a keytab, and keeps it fresh: ticket WHAT KEYTAB PRINCIPAL [COMMAND...]
#
# get   get one into the file of KRB5CCNAME
# keep  get it again when half of its life is over, until killed; or, where stdin is a pipe, until whoever holds
#       its other end has ended: then the folder of the ticket and of this script is removed
# run   run a command with a ticket of its own that is kept fresh
what=$1 keytab=$2 principal=$3 told=
shift 3

# A signal ends it at once, also while it waits or a KDC keeps kinit waiting.
end_at_once() {
    trap 'kill "$!" 2>/dev/null; exit 130' INT
    trap 'kill "$!" 2>/dev/null; exit 143' TERM
}

get() {
    file=${KRB5CCNAME#FILE:}
    LC_ALL=C kinit -c "FILE:$file.new" -k -t "$keytab" "$principal" >"$file.said" 2>&1 &
    wait "$!" && mv -f "$file.new" "$file" && return
    read -r said <"$file.said"
    return 1
}

# Seconds until half of the ticket's life is over; five minutes where `date` cannot read when it ends.
pause() {
    ends=$(LC_ALL=C klist 2>/dev/null | sed -n 's|^[0-9/]* [0-9:]*  *\([0-9/]* [0-9:]*\)  *krbtgt/.*|\1|p' | head -n 1)
    ends=$(date -d "${ends:-unknown}" +%s 2>/dev/null) || { echo 300; return; }
    half=$(((ends - $(date +%s)) / 2))
    [ "$half" -ge 0 ] || half=15
    [ "$half" -ge 4 ] || half=4
    [ "$half" -le 3600 ] || half=3600
    echo "$half"
}

keep() {
    end_at_once
    while sleep "$(pause)" & wait "$!"; do
        if get; then
            told=
        elif [ -z "$told" ]; then
            told="the Kerberos ticket was not renewed, which will be tried again"
            echo "skelebot: warning: $told: $said" >&2
        fi
    done
}

refuse() {
    case $said in
    *"kinit: not found"* | *"kinit: command not found"*) hint="install a Kerberos client (Debian: krb5-user); in Docker, build the image again" ;;
    *"lock skew"*) hint="set the clock: it differs too much from the KDC's" ;;
    *"not found in Kerberos database"*) hint="the realm knows no such principal: look at hdfsUser" ;;
    *"no suitable keys"* | *"not found in keytab"*) hint="the keytab has no key for hdfsUser; klist -k KEYTAB lists whose it has" ;;
    *"Unsupported key table format"* | *"Bad format in keytab"* | *"Invalid keytab"*) hint="the file is not a keytab" ;;
    *"ermission denied"*) hint="make the keytab readable for the user that the job runs as" ;;
    *"reauthentication failed"* | *"Password incorrect"*) hint="the key has been changed since: ask for a new keytab" ;;
    *"contact any KDC"* | *"find KDC"* | *"resolve network address"*) hint="no KDC was reached: look at krbConf, the network and the VPN" ;;
    *"default realm"*) hint="write hdfsUser as USER@REALM, or default_realm into krbConf" ;;
    *"Improper format"*) hint="krbConf is no krb5.conf" ;;
    *) hint="look at krbConf, keytab and hdfsUser below components.kerberos" ;;
    esac
    printf 'skelebot: no Kerberos ticket for %s: %s\n  hint: %s\n' "$principal" "$said" "$hint" >&2
    exit 1
}

case $what in
get)
    end_at_once
    get || refuse
    ;;
keep)
    [ -p /dev/stdin ] || { keep && exit; }
    keep </dev/null &
    read -r _
    kill "$!" && wait "$!"
    rm -rf -- "${0%/*}"
    ;;
run)
    KRB5CCNAME=FILE:$(mktemp -d)/ticket && export KRB5CCNAME || exit 1
    end_at_once
    get || refuse
    # As a grandchild it is none of the command's own children, and ends with the container.
    (keep </dev/null >/dev/null &)
    exec "$@"
    ;;
esac
