# Whether the settings can be: looked at before anything is built, and before anything that runs is taken away for them.

check_settings() {
    local name domain net bridge
    name=$(setting XCAT_NAME xcatmn) domain=$(setting XCAT_DOMAIN clusters.com)
    is_name "$name" || die "XCAT_NAME=$name is no name of a host (letters, digits and -): correct it in container/.env"
    is_domain "$domain" || die "XCAT_DOMAIN=$domain is no name of a domain: correct it in container/.env"
    for net in $(networks); do
        bridge=$(of_network "$net" BRIDGE)
        [[ $bridge =~ ^[A-Za-z0-9_.-]{1,15}$ ]] ||
            die "XCAT_${net}_BRIDGE=$bridge is no name of an interface (15 characters at most): correct it in container/.env"
        check_network "$net" "$(of_network "$net" SUBNET)"
    done
    check_apart
}

is_name() { [[ $1 =~ ^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$ ]]; } # text

is_domain() { # text
    local label labels
    IFS=. read -r -a labels <<<"$1."
    for label in "${labels[@]}"; do is_name "$label" || return; done
}

# The engine would refuse some of it too, after everything was built, and takes what cuts this host off.
check_network() { # MGT|SVC subnet
    local word address
    is_subnet "$2" || die "XCAT_$1_SUBNET=$2 is no subnet (10.5.107.0/24): correct it in container/.env"
    for word in ADDRESS GATEWAY; do
        address=$(of_network "$1" "$word")
        is_inside "$address" "$2" ||
            die "XCAT_$1_$word=$address is outside of XCAT_$1_SUBNET=$2: correct one of them in container/.env"
    done
    [ "$address" != "$(of_network "$1" ADDRESS)" ] ||
        die "XCAT_$1_ADDRESS and XCAT_$1_GATEWAY are both $address: the gateway is this host's own end of the network"
    [ "$wiring" = compose.macvlan.yaml ] || check_ground "$1" "$2"
}

# Two networks that overlap cannot both be.
check_apart() {
    local one two
    [ "$(networks)" = "MGT SVC" ] || return 0
    one=$(of_network MGT SUBNET) two=$(of_network SVC SUBNET)
    ! is_inside "${one%/*}" "$two" && ! is_inside "${two%/*}" "$one" ||
        die "XCAT_MGT_SUBNET=$one and XCAT_SVC_SUBNET=$two overlap: correct one of them in container/.env, or use ./up --single"
}

is_subnet() { # text
    local bits=${1#*/}
    [[ $1 == */* && $bits =~ ^[0-9]+$ ]] && ((bits >= 1 && bits <= 30)) && as_number "${1%/*}" >/dev/null
}

is_inside() { # address subnet
    local bits=${2#*/} mask one two
    [[ $2 == */* && $bits =~ ^[0-9]+$ ]] && ((bits <= 32)) || return
    mask=$((bits == 0 ? 0 : (0xffffffff << (32 - bits)) & 0xffffffff))
    one=$(as_number "$1") && two=$(as_number "${2%/*}") || return
    (((one & mask) == (two & mask)))
}

as_number() { # address
    local part parts number=0
    IFS=. read -r -a parts <<<"$1"
    [ "${#parts[@]}" = 4 ] || return
    for part in "${parts[@]}"; do
        [[ $part =~ ^[0-9]{1,3}$ ]] && ((10#$part <= 255)) || return
        number=$((number * 256 + 10#$part))
    done
    echo "$number"
}

