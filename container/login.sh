# Root's login, sourced by init: the password and the keys, and how they outlive the container. Hashes go from file to file
# and through the shell's own commands, never over a command line.

keys=/root/.ssh/authorized_keys
kept_keys=$state/authorized_keys
kept_password=$state/root.shadow
# The keys that XCAT_AUTHORIZED_KEYS gave at the last start.
given_keys=$state/authorized_keys.given
# The hash that the content of XCAT_ROOT_PASSWORD_FILE got when it was applied last.
applied_password=$state/root.applied

# From here on the watcher keeps what changes. A mark older than any file has it look at the password at once.
prepare_root_login() {
    kept_hash='' file_hash=''
    prepare_password
    prepare_keys
    if read_hash && [ -z "$file_hash" ]; then kept_hash=$hash; fi
    mark_default
    touch -d @0 "$run/shadow-seen"
}

# The password that was set in an earlier life of this container, unless the file that is named has another one than last
# time; without either, and without keys, `cluster`. What is named or kept and of no use leaves root without a password, and
# so do keys alone, from then on: better no login than one that everybody knows.
prepare_password() {
    local password is_kept=''
    restore_password && is_kept=yes
    if [ -n "${XCAT_ROOT_PASSWORD_FILE:-}" ]; then
        if ! password=$(password_in "$XCAT_ROOT_PASSWORD_FILE"); then
            reduced "XCAT_ROOT_PASSWORD_FILE=$XCAT_ROOT_PASSWORD_FILE $password:" \
                "$([ "$is_kept" ] && echo "root keeps the password it had" || echo "root cannot log in with a password");" \
                "correct the file and restart the container"
            [ "$is_kept" ] || keep "$kept_password" <<<'root:*' || true
        elif [ -z "$is_kept" ] || ! was_applied "$password"; then
            if chpasswd <<<"root:$password" && read_hash; then
                file_hash=$hash
            else
                reduced "the password in $XCAT_ROOT_PASSWORD_FILE was refused"
            fi
        fi
    elif [ ! -e "$kept_password" ] && [[ ${XCAT_AUTHORIZED_KEYS:-} == *[![:space:]]* ]]; then
        keep "$kept_password" <<<'root:*' || true
    elif [ ! -e "$kept_password" ]; then
        chpasswd <<<root:cluster
    elif [ -z "$is_kept" ]; then
        reduced "the password of root that was kept in $kept_password cannot be used: root cannot log in with a password" \
            "until you set one (docker exec -it NAME passwd)"
    fi
}

restore_password() {
    [ -e "$kept_password" ] || return
    # chpasswd takes an empty hash too, and then there is a login without a password.
    if grep -qsx 'root:..*' "$kept_password" && chpasswd -e <"$kept_password"; then return; fi
    chpasswd -e <<<'root:*'
    return 1
}

# The first line of a file; when there is none, why.
password_in() { # file
    local line
    if [ ! -e "$1" ]; then
        echo "does not exist in the container"
    elif [ ! -f "$1" ]; then
        echo "is not a file"
    elif ! line=$(head -n 1 -- "$1" 2>/dev/null); then
        echo "cannot be read"
    elif [ -z "${line%$'\r'}" ]; then
        echo "has no password in its first line"
    else
        printf '%s\n' "${line%$'\r'}"
        return 0
    fi
    return 1
}

was_applied() { # password
    [ -s "$applied_password" ] || return
    is_hash_of "$1" <"$applied_password"
}

is_hash_of() { # password; the hash is the first line that comes in
    { head -n 1; printf '%s\n' "$1"; } |
        perl -e 'chomp(my ($hash, $given) = <STDIN>); exit((crypt($given, $hash) // "") ne $hash)'
}

# Whether everybody knows the password is said in the banner.
mark_default() {
    rm -f "$run/default-password" "$run/no-password"
    case $hash in
    '*' | '!'* | '') touch "$run/no-password" ;;
    *) ! is_hash_of cluster <<<"$hash" || touch "$run/default-password" ;;
    esac
}

# Keys that may log in: those that an administrator has added in an earlier life of this container, and those given now. A
# key that was given then goes away when others are given; nothing given, or nothing that is a key, changes nothing.
prepare_keys() {
    local key number=0 wrong=() valid=''
    mkdir -p -m 700 /root/.ssh
    if [ ! -e "$keys" ] && [ -s "$kept_keys" ]; then
        cp "$kept_keys" "$keys.new" && mv "$keys.new" "$keys" || reduced "the keys in $kept_keys cannot be used"
    fi
    while read -r key; do
        number=$((number + 1))
        [ -n "$key" ] || continue
        # A private key that was pasted by mistake is not repeated here.
        if ssh-keygen -l -f - >/dev/null 2>&1 <<<"$key"; then valid+=$key$'\n'; else wrong+=("$number"); fi
    done <<<"${XCAT_AUTHORIZED_KEYS:-}"
    ((${#wrong[@]} == 0)) || reduced "XCAT_AUTHORIZED_KEYS: no public key in line ${wrong[*]}, which is left out"
    [ -z "$valid" ] || give_keys "$valid"
    [ ! -e "$keys" ] || chmod 600 "$keys"
}

# What was given is noted when the keys themselves are kept: noted before, a key that was taken away could come back for good.
give_keys() { # keys, a line each
    local key given='' former
    former=$(cat "$given_keys" 2>/dev/null)
    while read -r key; do
        if ! grep -qsxF -- "$key" "$keys"; then
            [ ! -s "$keys" ] || [ -z "$(tail -c 1 "$keys")" ] || echo >>"$keys"
            printf '%s\n' "$key" >>"$keys"
            given+=$key$'\n'
        # One that somebody added by hand stays when it is not given any more.
        elif grep -qxF -- "$key" <<<"$former"; then
            given+=$key$'\n'
        fi
    done <<<"${1%$'\n'}"
    grep -vxFf <(printf '%s' "$1") <<<"$former" | grep . >"$run/keys-withdrawn" &&
        grep -vxFf "$run/keys-withdrawn" "$keys" >"$keys.new" && mv "$keys.new" "$keys"
    keep "$kept_keys" <"$keys" && keep "$given_keys" <<<"${given%$'\n'}" ||
        reduced "the keys of XCAT_AUTHORIZED_KEYS cannot be kept in $state (${error##*: }): make room there, then restart the container"
}

# Other users' lines change too, when packages are installed.
keep_password() {
    differs /etc/shadow "$run/shadow-seen" || return 0
    touch -r /etc/shadow "$run/shadow-seen.new"
    read_hash || return
    if [ "$hash" != "$kept_hash" ]; then
        banner_is_old=yes
        mark_default
        keep "$kept_password" <<<"root:$hash" || return
        [ "$hash" != "$file_hash" ] || keep "$applied_password" <<<"$hash" || return
        kept_hash=$hash
    fi
    mv "$run/shadow-seen.new" "$run/shadow-seen"
}

# A file that was removed is removed there too.
keep_keys() {
    differs "$keys" "$run/keys-seen" || return 0
    if [ -e "$keys" ]; then
        touch -r "$keys" "$run/keys-seen.new"
        keep "$kept_keys" <"$keys" && mv "$run/keys-seen.new" "$run/keys-seen"
    else
        error=$({ rm -f "$kept_keys" && sync "$state"; } 2>&1) && rm -f "$run/keys-seen"
    fi
}

# Whether a file is another one than when it was marked, or came, or went; the shell looks without starting a program.
differs() { [ "$1" -nt "$2" ] || [ "$1" -ot "$2" ]; } # file mark

# The hash of root's password.
read_hash() {
    local name rest
    while IFS=: read -r name hash rest; do
        [ "$name" != root ] || return 0
    done </etc/shadow
    error="/etc/shadow has no line for root"
    return 1
}

# Puts what comes in into a file of the volume: whole and to stay, or not at all.
keep() { # file
    error=''
    error=$({ (umask 077 && cat >"$1.new") && sync "$1.new" && mv -f "$1.new" "$1" && sync "${1%/*}"; } 2>&1) && return
    rm -f "$1.new"
    return 1
}
