# What this host has itself where the container is to be: a bridge or a network may not take this host off its own.

# The IPv4 addresses of this host, a line each: interface and address/prefix; those of the given interface left out.
own_addresses() { # interface
    ip -o -4 addr show | awk -v own="$1" '$2 != own { print $2, $4 }'
}

# The routes of this host but for those over an interface.
own_routes() { # interface to leave out
    ip -o -4 route show table main | awk -v own="$1" '{ for (n = 1; n < NF; n++) if ($n == "dev" && $(n + 1) == own) next; print }'
}

# The routers among routes, a line each: address and interface.
routers_of() { # routes come in
    awk '/ via / { router = device = ""
        for (n = 1; n < NF; n++) { if ($n == "via") router = $(n + 1); if ($n == "dev") device = $(n + 1) }
        print router, device }'
}

# How an address on a network of this host is reached: the bits and the metric of the longest route without a router.
way_to() { # address; routes come in
    local line net bits=-1 metric=0
    while read -r line; do
        net=${line%% *}
        [[ $line != *" via "* && $net == [0-9]* ]] || continue
        [[ $net == */* ]] || net=$net/32
        is_inside "$1" "$net" && ((${net#*/} > bits)) || continue
        bits=${net#*/} metric=0
        [[ ! $line =~ \ metric\ ([0-9]+) ]] || metric=${BASH_REMATCH[1]}
    done
    echo "$bits $metric"
}

# A bridge's own route has no metric: it goes before a shorter one, and before one of its length with a metric.
takes_way() { # subnet bits metric
    ((${1#*/} > $2 || (${1#*/} == $2 && $3 > 0)))
}

# A subnet whose bridge would take the way to a router of this host is refused, and so is a bridge of that name with another
# address, which the engine would take away.
check_ground() { # MGT|SVC subnet
    local bridge gateway routes router device bits metric interface net
    bridge=$(of_network "$1" BRIDGE)
    gateway=$(of_network "$1" GATEWAY)
    routes=$(own_routes "$bridge")
    while read -r router device; do
        [ -n "$router" ] || continue
        [ "$router" != "$gateway" ] ||
            die "XCAT_$1_GATEWAY=$gateway is the router of this host on $device: choose another gateway in container/.env"
        is_inside "$router" "$2" || continue
        read -r bits metric < <(way_to "$router" <<<"$routes")
        ! takes_way "$2" "$bits" "$metric" || die "XCAT_$1_SUBNET=$2 holds $router, the router of this host on $device, which could" \
            "not be reached any more: choose another subnet in container/.env, or ./up --macvlan or --host"
    done < <(routers_of <<<"$routes")
    check_bridge "$1" "$bridge" "$gateway/${2#*/}" "$2"
    while read -r interface net; do
        [ -e "/sys/class/net/$interface/bridge" ] || ! is_inside "${net%/*}" "$2" || warned_about "$interface $net" ||
            warn "$interface has $net, which is in XCAT_$1_SUBNET=$2: plug it into the bridge (container/attach-nic $interface), or" \
                "choose another subnet in container/.env"
    done < <(own_addresses "$bridge")
}

warned_about() { # what
    [[ " ${told:-} " == *" $1 "* ]] && return
    told="${told:-} $1 "
    return 1
}

# A bridge that no network of the engine has yet: the engine looks at its first address in the subnet, else at its first, and
# takes that away when it is not the gateway.
check_bridge() { # MGT|SVC bridge gateway/prefix subnet
    local address first=''
    [ -e "/sys/class/net/$2" ] && ! present_network "$(of_network "$1" NETWORK)" >/dev/null || return 0
    while read -r address; do
        [ -n "$first" ] || first=$address
        if is_inside "${address%/*}" "$4"; then
            first=$address
            break
        fi
    done < <(ip -o -4 addr show dev "$2" | awk '{ print $4 }')
    [ -z "$first" ] || [ "$first" = "$3" ] ||
        die "the bridge $2 is there with the address $first, which the engine would take away: set XCAT_$1_GATEWAY and" \
            "XCAT_$1_SUBNET to it in container/.env, or name another bridge (XCAT_$1_BRIDGE)"
}

# What this host would lose with the bridges that the engine has made, as words for a message; nothing when there is none.
carriers() {
    local net bridge present nic own
    for net in MGT SVC; do
        bridge=$(of_network "$net" BRIDGE)
        [ -e "/sys/class/net/$bridge" ] || continue
        for nic in "${XCAT_ATTACH_STATE:-/run/xcat-attach-nic}"/*/; do
            [ "$(cat "$nic/bridge" 2>/dev/null)" != "$bridge" ] || {
                nic=$(basename "$nic")
                echo "$nic is plugged into $bridge (container/attach-nic --detach $nic takes it out)"
                return
            }
        done
        present=$(present_network "$(of_network "$net" NETWORK)") || continue
        own=$(ip -o -4 addr show dev "$bridge" | awk '{ print $4 }' | grep -vF "$(awk '{ print $3 }' <<<"$present")/" | head -n 1)
        if [[ $own == */32 ]] && is_inside "${own%/*}" "$(awk '{ print $2 }' <<<"$present")"; then
            echo "service processors of the lab are on $bridge (xcat lab down ends it)"
            return
        fi
        [ -z "$own" ] || {
            echo "$bridge has the address $own of this host (move it to another interface)"
            return
        }
    done
}

refuse_carriers() {
    local carried
    carried=$(carriers)
    [ -z "$carried" ] || die "the networks have to be made anew, but $carried; then run ./up again"
}

# The host's own network: the address in .env if this host has it, else the one that faces its default router.
choose_own_address() {
    local wanted device
    wanted=$(setting XCAT_MGT_ADDRESS "")
    if ! own_addresses "" | grep -qF " $wanted/"; then
        [ "$wanted" = 10.5.107.101 ] || [ -z "$wanted" ] || [ "$action" = down ] ||
            die "XCAT_MGT_ADDRESS=$wanted is no address of this host (ip -br addr lists them): correct it in container/.env"
        device=$(ip -4 route show default | sed -n '1s/.* dev \([^ ]*\).*/\1/p')
        wanted=$(ip -o -4 addr show ${device:+dev "$device"} scope global | sed -n '1s/.* inet \([^/ ]*\).*/\1/p')
        [ -n "$wanted" ] || [ "$action" = down ] || die "this host has no IPv4 address for ./up --host: set XCAT_MGT_ADDRESS in container/.env"
    fi
    export XCAT_MGT_ADDRESS=$wanted
}
