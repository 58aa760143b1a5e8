# How the container is wired to this host: which compose file, whether its addresses fit, and what to say about them.

# The wiring that is asked for, else the one in .env, else the one that the container has, else two bridges. A container that
# is wired otherwise goes away first, with its networks: they have the same names.
choose_wiring() { # container compose-file
    local now
    now=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.project.config_files"}}' "$1" 2>/dev/null || true)
    now=${now##*/}
    [ -n "$now" ] && [ -e "$top/container/$now" ] || now=
    wiring=${2:-$(setting XCAT_COMPOSE "${now:-compose.yaml}")}
    [ -e "$top/container/$wiring" ] || die "XCAT_COMPOSE=$wiring: there is no such file in container/"
    [ "$action" != down ] || return 0
    [ "$wiring" != compose.macvlan.yaml ] || check_interfaces
    [ -z "$now" ] || [ "$now" = "$wiring" ] || rewire "$now"
}

rewire() { # compose-file
    say "from $1 to $wiring: removing the container and its networks first; the data stays"
    local next=$wiring
    wiring=$1
    quietly compose down || die "the container of $1 cannot be removed"
    wiring=$next
}

check_interfaces() {
    local name
    for name in XCAT_MGT_NIC XCAT_SVC_NIC; do
        ip link show dev "$(setting $name "")" >/dev/null 2>&1 ||
            die "$name=$(setting $name ""): this host has no such interface (ip -br link lists them): correct it in container/.env"
    done
}

# The engine would refuse them too, after everything was built.
check_addresses() {
    local net subnet name address
    for net in MGT SVC; do
        subnet=$(setting XCAT_${net}_SUBNET "")
        for name in XCAT_${net}_ADDRESS XCAT_${net}_GATEWAY; do
            address=$(setting "$name" "")
            [ -z "$subnet" ] || [ -z "$address" ] || is_inside "$address" "$subnet" ||
                die "$name=$address is outside of XCAT_${net}_SUBNET=$subnet: correct one of them in container/.env"
        done
    done
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

tell_networks() { # address
    local service
    service=$(setting XCAT_SVC_ADDRESS 192.168.0.101)
    case $wiring in
    compose.single.yaml)
        printf '  network             %s on bridge %s' "$1" "$(setting XCAT_MGT_BRIDGE mgtbr)"
        ;;
    compose.macvlan.yaml)
        printf '  management network  %s on %s\n' "$1" "$(setting XCAT_MGT_NIC eno1)"
        printf '  service network     %s on %s' "$service" "$(setting XCAT_SVC_NIC eno2)"
        ;;
    compose.host.yaml)
        printf "  network             this host's own"
        ;;
    *)
        printf '  management network  %s on bridge %s\n' "$1" "$(setting XCAT_MGT_BRIDGE mgtbr)"
        printf '  service network     %s on bridge %s' "$service" "$(setting XCAT_SVC_BRIDGE svcbr)"
        ;;
    esac
}
