# How the container is wired to this host: which compose file, which networks that makes, what has to go first.

# The wiring that is asked for, else the one in .env, else the one that the container has, else that of before, else two
# bridges.
choose_wiring() { # container compose-file
    now=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.project.config_files"}}' "$1" 2>/dev/null || true)
    now=${now%%,*}
    now=${now##*/}
    [ -n "$now" ] && [ -e "$top/container/$now" ] || now=
    wiring=${2:-$(setting XCAT_COMPOSE "${now:-$(cat "$(kept_wiring)" 2>/dev/null || echo compose.yaml)}")}
    [ -e "$top/container/$wiring" ] || die "XCAT_COMPOSE=$wiring: there is no such file in container/"
    grep -q '^networks:\|network_mode' "$top/container/$wiring" || die "XCAT_COMPOSE=$wiring is no wiring of its own"
    case $wiring in
    compose.macvlan.yaml) [ "$action" = down ] || check_interfaces ;;
    compose.host.yaml) choose_own_address ;;
    esac
}

# Where the wiring is kept while there is no container.
kept_wiring() { printf '%s/wiring-%s\n' "$state" "$(setting XCAT_PROJECT xcat)"; }

# The networks of the wiring, by the words in the names of their settings.
networks() {
    case $wiring in
    compose.host.yaml) ;;
    compose.single.yaml) echo MGT ;;
    *) echo MGT SVC ;;
    esac
}

# A setting of a network, with the default that the compose files have.
of_network() { # MGT|SVC NETWORK|BRIDGE|SUBNET|GATEWAY|ADDRESS|NIC
    local default
    case $1_$2 in
    MGT_NETWORK) default=mgtnet ;;
    MGT_BRIDGE) default=mgtbr ;;
    MGT_SUBNET) default=10.5.107.0/24 ;;
    MGT_GATEWAY) default=10.5.107.1 ;;
    MGT_ADDRESS) default=10.5.107.101 ;;
    MGT_NIC) default=eno1 ;;
    SVC_NETWORK) default=svcnet ;;
    SVC_BRIDGE) default=svcbr ;;
    SVC_SUBNET) default=192.168.0.0/24 ;;
    SVC_GATEWAY) default=192.168.0.1 ;;
    SVC_ADDRESS) default=192.168.0.101 ;;
    SVC_NIC) default=eno2 ;;
    esac
    setting "XCAT_$1_$2" "$default"
}

# What a network is to be, and what it is: driver, subnet, gateway, bridge or interface.
wanted_network() { # MGT|SVC
    local driver=bridge device
    device=$(of_network "$1" BRIDGE)
    [ "$wiring" != compose.macvlan.yaml ] || { driver=macvlan && device=$(of_network "$1" NIC); }
    echo "$driver $(of_network "$1" SUBNET) $(of_network "$1" GATEWAY) $device"
}

present_network() { # name
    docker network inspect -f '{{.Driver}} {{range .IPAM.Config}}{{.Subnet}} {{.Gateway}} {{end}}{{with index .Options "com.docker.network.bridge.name"}}{{.}}{{end}}{{with index .Options "parent"}}{{.}}{{end}}' "$1" 2>/dev/null
}

# Compose changes no network that is there, and the networks of two wirings have the same names: what is otherwise than it
# has to be goes away first, with the container.
make_way() {
    local net name present other
    other=$(docker ps -a --filter "label=com.docker.compose.project=$(setting XCAT_PROJECT xcat)" --format '{{.Names}}' | awk -v now="$container" '!found && $1 != now { print found = $1 }')
    [ -z "$other" ] || say "$other becomes $container, with the same data"
    [ -z "$now" ] || [ "$now" = "$wiring" ] || { clear_away "from $now to $wiring" "$now" && return; }
    for net in $(networks); do
        name=$(of_network "$net" NETWORK)
        present=$(present_network "$name") || continue
        if ! docker network inspect -f '{{json .Labels}}' "$name" | grep -q '"com.docker.compose.project"'; then
            die "the network $name was made by hand: docker network rm $name, or name another one in container/.env (XCAT_${net}_NETWORK)"
        fi
        [ "$present" = "$(wanted_network "$net")" ] || { clear_away "the network $name changes" "$wiring" && return; }
        [ "${present%% *}" != bridge ] || [ -e "/sys/class/net/${present##* }" ] ||
            { clear_away "the bridge ${present##* } of the network $name is gone" "$wiring" && return; }
    done
}

# What is left behind of other settings is named: it is not ours to judge whether somebody needs it.
tell_changes() {
    local project wanted present name
    project=$(setting XCAT_PROJECT xcat)
    wanted=$(setting XCAT_DBBACKUP dbbackup)
    [[ $wanted == */* ]] || wanted=${project}_$wanted
    present=$(docker inspect -f '{{range .Mounts}}{{if eq .Destination "/.dbbackup"}}{{if .Name}}{{.Name}}{{else}}{{.Source}}{{end}}{{end}}{{end}}' \
        "$container" 2>/dev/null) || present=
    [ -z "$present" ] || [ "$present" = "$wanted" ] || [[ $wanted == .* ]] ||
        warn "the tables are in $wanted from now on; those in $present stay there and are not used"
    for name in $(docker network ls --filter "label=com.docker.compose.project=$project" --format '{{.Name}}'); do
        [[ " $(of_network MGT NETWORK) $(of_network SVC NETWORK) " == *" $name "* ]] ||
            warn "the network $name of former settings is still there: docker network rm $name"
    done
}

clear_away() { # why compose-file
    local next=$wiring
    refuse_carriers
    say "$1: removing the container and its networks first; the data stays"
    wiring=$2
    quietly compose down || die "the container and networks of $2 cannot be removed"
    wiring=$next
}

# The inverse of start. A bridge that carries this host's own addresses stays, and with it its network.
take_down() {
    local carried
    carried=$(carriers)
    if [ -n "$carried" ]; then
        compose rm --stop --force
        die "the container is gone, the networks stay, because $carried; then ./up --down again removes them"
    fi
    compose down
}

check_interfaces() {
    local net
    for net in MGT SVC; do
        ip link show dev "$(of_network $net NIC)" >/dev/null 2>&1 ||
            die "XCAT_${net}_NIC=$(of_network $net NIC): this host has no such interface (ip -br link lists them): correct it in container/.env"
    done
}

tell_networks() { # address
    local service
    service=$(of_network SVC ADDRESS)
    case $wiring in
    compose.single.yaml)
        printf '  network             %s on bridge %s' "$1" "$(of_network MGT BRIDGE)"
        ;;
    compose.macvlan.yaml)
        printf '  management network  %s on %s\n' "$1" "$(of_network MGT NIC)"
        printf '  service network     %s on %s' "$service" "$(of_network SVC NIC)"
        ;;
    compose.host.yaml)
        printf "  network             this host's own, %s" "$1"
        ;;
    *)
        printf '  management network  %s on bridge %s\n' "$1" "$(of_network MGT BRIDGE)"
        printf '  service network     %s on bridge %s' "$service" "$(of_network SVC BRIDGE)"
        ;;
    esac
}
