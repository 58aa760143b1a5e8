#!/bin/bash
# Brings the management node up on this machine, whatever it lacks, and changes nothing when it is up already.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
. "$here/lib.sh"
. "$here/engine.sh"
. "$here/base.sh"
. "$here/binaries.sh"
. "$here/image.sh"

usage() {
    cat <<'END'
usage: ./up            install what is missing, build, start, wait until the management node is healthy
       ./up --build    the same without starting it: engine, programs and image only
       ./up --down     remove the container and its networks; the data in its volumes stays

Settings: container/.env. In the environment: XCAT_DEBIAN_MIRROR, the mirror of the Debian packages, else this machine's own;
XCAT_UP_BUILD=no uses the programs that were built before.
END
}

compose() { docker compose --project-directory "$top/container" -f "$top/container/compose.yaml" "$@"; }

# A value of .env, unless the environment has its own.
setting() { # name default
    local value=${!1:-}
    [ -n "$value" ] || value=$(sed -n "s/^$1=//p" "$top/container/.env" | tail -n 1)
    printf '%s\n' "${value:-$2}"
}

build() {
    [ "${XCAT_UP_BUILD:-}" = no ] && are_here || ensure_binaries
    ensure_engine
    ensure_compose
    ensure_image "$(setting XCAT_IMAGE xcat-rs:latest)"
}

start() {
    local log
    log=$(mktemp)
    XCAT_DEBIAN_MIRROR=$(debian_mirror)
    export XCAT_DEBIAN_MIRROR
    if ! compose up -d >"$log" 2>&1; then
        cat "$log" >&2
        die "the container cannot be started"
    fi
    rm -f "$log"
}

wait_until_healthy() { # container seconds
    local deadline=$((SECONDS + $2)) status
    until docker exec "$1" /opt/xcat/sbin/xcatd health >/dev/null 2>&1; do
        status=$(docker inspect -f '{{.State.Status}}' "$1" 2>/dev/null || true)
        if ((SECONDS >= deadline)) || [ "$status" = exited ] || [ "$status" = dead ]; then
            docker logs --tail 40 "$1" >&2 || true
            die "$1 is not healthy (container ${status:-missing}): its log is above"
        fi
        sleep 0.2
    done
}

# `xcat` for the host: the lab runs here, every other command is passed into the container.
install_host_command() {
    local target=/usr/local/lib/xcat
    cmp -s "$top/container/xcat-host" "$target/xcat" && cmp -s "$state/bin/xcat-lab" "$target/xcat-lab" &&
        [ "$(readlink /usr/local/bin/xcat)" = "$target/xcat" ] && return
    as_root install -D -m 755 "$top/container/xcat-host" "$target/xcat"
    as_root install -m 755 "$state/bin/xcat-lab" "$target/xcat-lab.new"
    as_root mv "$target/xcat-lab.new" "$target/xcat-lab"
    as_root ln -sfn "$target/xcat" /usr/local/bin/xcat
}

tell() { # container
    local address
    address=$(setting XCAT_MGT_ADDRESS 10.5.107.101)
    cat <<END

The management node $1 is healthy.
  management network  $address on bridge $(setting XCAT_MGT_BRIDGE mgtbr)
  service network     $(setting XCAT_SVC_ADDRESS 192.168.0.101) on bridge $(setting XCAT_SVC_BRIDGE svcbr)
  log in              ssh root@$address     (password: cluster, until you change it)
                      docker attach $1      (Ctrl-P Ctrl-Q leaves)
Try next, on this machine:
  xcat lsdef -t site -l
  xcat lab up 2
  xcat help
END
}

case ${1:-} in
"") ;;
--build)
    build
    exit
    ;;
--down)
    ensure_engine
    ensure_compose
    compose down
    exit
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

container=$(setting XCAT_NAME xcatmn)
build
install_host_command
start
wait_until_healthy "$container" 120
tell "$container"
