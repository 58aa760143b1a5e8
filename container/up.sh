#!/bin/bash
# Brings the management node up on this machine, whatever it lacks, and changes nothing when it is up already.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
. "$here/lib.sh"
. "$here/engine.sh"
. "$here/base.sh"
. "$here/binaries.sh"
. "$here/image.sh"
. "$here/wiring.sh"
. "$here/ground.sh"
. "$here/settings.sh"

usage() {
    cat <<'TEXT'
usage: ./up            install what is missing, build, start, wait until the management node is healthy
       ./up --build    the same without starting it: engine, programs and image only
       ./up --refresh  the same as ./up with an image made anew, from the packages of today
       ./up --down     remove the container and its networks; the data in its volumes stays

How the container is wired; later ./up stay with it:
       ./up --bridges  two bridges of this host, mgtbr facing the nodes and svcbr facing the service processors (the default)
       ./up --single   one bridge for both
       ./up --macvlan  addresses of its own on this host's interfaces, no bridge
       ./up --host     this host's own network

Settings: container/.env. In the environment: XCAT_DEBIAN_MIRROR, the mirror of the Debian packages, else this machine's own;
XCAT_UP_BUILD=no takes the image that is there, loaded or built before.
TEXT
}

# Hosts whose kernel has no IPv6 cannot be told to switch it on.
compose() {
    local files=(-f "$top/container/$wiring")
    [ -e /proc/sys/net/ipv6 ] || [ "$wiring" = compose.host.yaml ] || files+=(-f "$top/container/compose.noipv6.yaml")
    docker compose --project-directory "$top/container" "${files[@]}" "$@"
}

# The engine first: what it lacks is known before the programs are built for minutes.
build() {
    ensure_engine
    ensure_compose
    [ "$builds" = no ] || ensure_binaries
    ensure_image "$(image_name)"
}

# The image of the settings, as engines call it when no tag is named.
image_name() {
    local name
    name=$(setting XCAT_IMAGE xcat-rs:latest)
    [[ ${name##*/} == *[:@]* ]] || name+=:latest
    printf '%s\n' "$name"
}

start() {
    local log
    log=$(mktemp)
    XCAT_DEBIAN_MIRROR=$(debian_mirror)
    export XCAT_DEBIAN_MIRROR
    if ! compose up -d >"$log" 2>&1; then
        cat "$log" >&2
        die "the container cannot be started: the line above says why; container/.env has its settings"
    fi
    rm -f "$log"
    printf '%s\n' "$wiring" >"$(kept_wiring)"
}

wait_until_healthy() { # container seconds
    local deadline=$((SECONDS + $2)) state begun
    begun=$(restarts "$1")
    until with_engine timeout 20 docker exec "$1" /opt/xcat/sbin/xcatd health >/dev/null 2>&1; do
        state=$(docker inspect -f '{{.State.Status}}' "$1" 2>/dev/null || echo missing)
        if ((SECONDS >= deadline)) || [ "$state" != running ] || [ "$(restarts "$1")" != "$begun" ]; then
            docker logs --tail 40 "$1" >&2 || true
            die "$1 is not healthy (container $state): its log is above"
        fi
        sleep 0.2
    done
}

restarts() { docker inspect -f '{{.RestartCount}}' "$1" 2>/dev/null || true; } # container

# `xcat` for the host: the lab runs here, every other command is passed into the container, whose name lies beside it.
install_host_command() { # container
    local target=/usr/local/lib/xcat lab=$state/bin/xcat-lab
    if ! cmp -s "$top/container/xcat-host" "$target/xcat" || [ "$(cat "$target/name" 2>/dev/null)" != "$1" ] ||
        [ "$(readlink /usr/local/bin/xcat)" != "$target/xcat" ]; then
        as_root install -D -m 755 "$top/container/xcat-host" "$target/xcat"
        as_root sh -c 'printf "%s\n" "$1" >"$2"' sh "$1" "$target/name"
        as_root ln -sfn "$target/xcat" /usr/local/bin/xcat
    fi
    if [ -x "$lab" ] && ! cmp -s "$lab" "$target/xcat-lab"; then
        as_root install -m 755 "$lab" "$target/xcat-lab.new"
        as_root mv "$target/xcat-lab.new" "$target/xcat-lab"
    fi
}

# What the container knows, asked at once: the state of root's password, the warnings of its banner, the cluster's domain.
facts() { # container
    with_engine timeout 20 docker exec "$1" sh -c 'test ! -e /run/xcat/default-password || echo default-password
        grep ^warning /etc/motd; lsdef -t site -i domain' 2>/dev/null | tr -d '\r' || true
}

tell() { # container
    local address facts domain wanted password="" port=""
    address=$(of_network MGT ADDRESS)
    facts=$(facts "$1")
    [[ $facts != *default-password* ]] || password="     (password: cluster, until you change it)"
    [ "$wiring" != compose.host.yaml ] || port="-p $(setting XCAT_SSH_PORT 2200) "
    sed -n 's/^warning: */up: warning: /p' <<<"$facts" >&2
    domain=$(sed -n 's/^ *domain=//p' <<<"$facts") wanted=$(setting XCAT_DOMAIN clusters.com)
    [ -z "$domain" ] || [ "$domain" = "$wanted" ] ||
        warn "the cluster's domain stays $domain; to have that of container/.env: xcat chdef -t site clustersite domain=$wanted"
    cat <<END

The management node $1 is healthy.
$(tell_networks "$address")
  log in              ssh ${port}root@$address$password
                      docker attach $1      (Ctrl-P Ctrl-Q leaves)
Try next, on this machine:
  xcat lsdef -t site -l
  xcat lab up 2
  xcat help
END
}

# All of it is read before any of it runs: a newer release may take the place of this file meanwhile.
main() {
    action=up asked='' refresh=no builds=${XCAT_UP_BUILD:-yes}
    for word in "$@"; do
        case $word in
        --build | --down) action=${word#--} ;;
        --refresh) refresh=yes ;;
        --bridges | --single | --macvlan | --host)
            [ -z "$asked" ] || die "$word: one wiring at a time"
            asked=compose.${word#--}.yaml
            asked=${asked/bridges./}
            ;;
        -h | --help)
            usage
            exit
            ;;
        *)
            usage >&2
            exit 2
            ;;
        esac
    done

    ensure_state
    read_settings
    [ "$refresh$builds" != yesno ] || die "--refresh builds the image, XCAT_UP_BUILD=no builds none: leave one of them out"
    container=$(setting XCAT_NAME xcatmn)
    case $action in
    build)
        build
        remove_old_images
        exit
        ;;
    down)
        ensure_engine
        ensure_compose
        choose_wiring "$container" "$asked"
        take_down
        exit
        ;;
    esac

    ensure_engine
    choose_wiring "$container" "$asked"
    check_settings
    build
    tell_changes
    make_way
    install_host_command "$container"
    start
    wait_until_healthy "$container" 120
    remove_old_images
    tell "$container"
}

main "$@"
exit
