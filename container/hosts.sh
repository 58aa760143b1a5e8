# /etc/hosts, sourced by init: the engine writes it anew at every start, and what makehosts and people have added goes away
# with that. Those lines are kept on the volume and put back.

kept_hosts=$state/hosts

# The full name of this machine comes first, because that is what it answers when it is asked for its name; then the lines
# of the engine, then those that were kept. Some engines and mounts leave the file as it was: nothing comes twice.
prepare_hosts() {
    local own
    hosts_are_whole=''
    [ -e "$kept_hosts" ] || : >"$kept_hosts"
    own=$(own_line)
    {
        [ -z "$own" ] || echo "$own"
        grep -vxFf <(printf '%s\n' "${own:-# }") /etc/hosts | grep -vxFf "$kept_hosts"
    } >"$run/hosts-given"
    cat "$run/hosts-given" "$kept_hosts" >"$run/hosts-new"
    # In place: the engine has mounted the file.
    if cat "$run/hosts-new" >/etc/hosts && cmp -s "$run/hosts-new" /etc/hosts; then
        hosts_are_whole=yes
        touch -r /etc/hosts "$run/hosts-seen"
    else
        reduced "/etc/hosts cannot be written: the names that makehosts wrote are not there; they stay in $kept_hosts"
    fi
}

# An address and a full name of this machine may stand on lines of their own, each with one of the names.
own_line() {
    awk -v name="${HOSTNAME%%.*}" '
        $1 ~ /^127\.|^#/ { next }
        { for (n = 2; n <= NF; n++) if ($n ~ "^" name "[.].") { print $1, $n, name; exit } }' /etc/hosts
}

# What somebody has added since the start. Lines about this machine are the engine's: it adds them for new networks.
keep_hosts() {
    local lines
    [ "$hosts_are_whole" ] && differs /etc/hosts "$run/hosts-seen" || return 0
    touch -r /etc/hosts "$run/hosts-seen.new"
    lines=$(grep -vxFf "$run/hosts-given" /etc/hosts | awk -v name="${HOSTNAME%%.*}" '
        { for (n = 2; n <= NF; n++) if ($n == name || $n ~ "^" name "[.]") next; print }')
    keep "$kept_hosts" <<<"$lines" && mv "$run/hosts-seen.new" "$run/hosts-seen"
}
