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
        is_of_a_machine "$address" "$2" ||
            die "XCAT_$1_$word=$address is the network's own or its broadcast address: correct it in container/.env"
    done
    [ "$(of_network "$1" GATEWAY)" != "$(of_network "$1" ADDRESS)" ] ||
        die "XCAT_$1_ADDRESS and XCAT_$1_GATEWAY are both $(of_network "$1" ADDRESS): the gateway is this host's own end of the network"
    [ "$wiring" = compose.macvlan.yaml ] || check_ground "$1" "$2"
}

# Two networks that overlap cannot both be, nor two with one name, bridge or interface.
check_apart() {
    local one two word
    [ "$(networks)" = "MGT SVC" ] || return 0
    one=$(of_network MGT SUBNET) two=$(of_network SVC SUBNET)
    ! is_inside "${one%/*}" "$two" && ! is_inside "${two%/*}" "$one" ||
        die "XCAT_MGT_SUBNET=$one and XCAT_SVC_SUBNET=$two overlap: correct one of them in container/.env, or use ./up --single"
    for word in NETWORK $([ "$wiring" = compose.macvlan.yaml ] && echo NIC || echo BRIDGE); do
        [ "$(of_network MGT "$word")" != "$(of_network SVC "$word")" ] ||
            die "XCAT_MGT_$word and XCAT_SVC_$word are both $(of_network MGT "$word"): correct one of them in container/.env, or use ./up --single"
    done
}

# Whether a text is a subnet as the engine takes it: ADDRESS/BITS, with nothing in the bits of the machines.
is_subnet() { # text
    local bits=${1#*/} number
    [[ $1 == */* && $bits =~ ^[1-9][0-9]?$ ]] && ((bits <= 30)) && number=$(as_number "${1%/*}") &&
        ((number == (number & $(mask "$bits"))))
}

# Whether an address in a subnet is neither its first nor its last.
is_of_a_machine() { # address subnet
    local number machine
    number=$(as_number "$1") && machine=$((number & ~$(mask "${2#*/}") & 0xffffffff))
    ((machine != 0 && machine != (~$(mask "${2#*/}") & 0xffffffff)))
}

mask() { echo $(($1 == 0 ? 0 : (0xffffffff << (32 - $1)) & 0xffffffff)); } # bits

is_inside() { # address subnet
    local bits=${2#*/} mask one two
    [[ $2 == */* && $bits =~ ^[0-9]{1,2}$ ]] && ((10#$bits <= 32)) || return
    mask=$(mask "$((10#$bits))")
    one=$(as_number "$1") && two=$(as_number "${2%/*}") || return
    (((one & mask) == (two & mask)))
}

as_number() { # address
    local part parts number=0
    IFS=. read -r -a parts <<<"$1"
    [ "${#parts[@]}" = 4 ] || return
    for part in "${parts[@]}"; do
        [[ $part =~ ^(0|[1-9][0-9]{0,2})$ ]] && ((part <= 255)) || return
        number=$((number * 256 + 10#$part))
    done
    echo "$number"
}

