# The container engine: installs Docker and compose v2 where they are missing, starts the engine where nothing answers.

engine_answers() {
    if command docker info >/dev/null 2>&1; then
        docker_as_user=yes
        return 0
    fi
    [ "$(id -u)" != 0 ] && have docker && as_root docker info >/dev/null 2>&1
}

ensure_engine() {
    [ -z "${engine_ready:-}" ] || return 0
    if ! engine_answers; then
        have dockerd || install_engine
        engine_answers || start_engine
    fi
    case $(docker info -f '{{.SecurityOptions}}' 2>/dev/null) in
    *rootless*) die "this Docker engine is rootless, and has no bridges of this host: use the system's (docker context use default)" ;;
    esac
    have ip || apt_install iproute2
    engine_ready=yes
}

install_engine() {
    local packages=(docker.io iptables ca-certificates)
    apt_update
    apt-cache show docker-cli >/dev/null 2>&1 && packages+=(docker-cli)
    # The engine loads a profile for each container where the kernel has AppArmor.
    ! grep -qs Y /sys/module/apparmor/parameters/enabled || packages+=(apparmor)
    apt_install "${packages[@]}"
}

start_engine() {
    say "starting the Docker engine"
    if [ -d /run/systemd/system ]; then
        quietly as_root systemctl enable --now docker || true
        wait_for_engine 30 && return
        die "the Docker service does not start: see journalctl -u docker"
    fi
    start_engine_by_hand /usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin && return
    # A kernel without the nf_tables parts that Debian's iptables wants: the same engine, with the older tables.
    local legacy=$state/iptables-legacy name
    mkdir -p "$legacy"
    for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
        ln -sf /usr/sbin/xtables-legacy-multi "$legacy/$name"
    done
    start_engine_by_hand "$legacy:/usr/sbin:/sbin:/usr/bin:/bin" && return
    as_root tail -n 15 /var/log/dockerd.log >&2
    die "the Docker engine does not start: see /var/log/dockerd.log"
}

# No service manager runs here: start the daemon so that it outlives this script, and holds nothing that its caller has open.
start_engine_by_hand() {
    as_root sh -c "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; mkdir -p /run /var/log; [ -e /var/run ] || ln -s /run /var/run
        pid=\$(cat /var/run/docker.pid 2>/dev/null); [ -n \"\$pid\" ] && [ -d /proc/\$pid ] || rm -f /var/run/docker.pid
        PATH=$1 setsid dockerd >>/var/log/dockerd.log 2>&1 </dev/null & echo \$! >/run/xcat-dockerd.pid"
    wait_for_engine 30 "$(cat /run/xcat-dockerd.pid)"
}

wait_for_engine() { # seconds [pid]: false when the time is up, or when that process has ended
    local deadline=$((SECONDS + $1))
    while ((SECONDS < deadline)); do
        engine_answers && return
        [ -z "${2:-}" ] || [ -d "/proc/$2" ] || return 1
        sleep 0.3
    done
    return 1
}

ensure_compose() {
    docker compose version >/dev/null 2>&1 && return
    apt_update
    # Docker's own repository, Ubuntu, Debian from 13 on, Debian 12.
    case $(candidate docker-compose-plugin)/$(candidate docker-compose-v2)/$(candidate docker-compose) in
    [0-9]*/*/*) apt_install docker-compose-plugin ;;
    */[0-9]*/*) apt_install docker-compose-v2 ;;
    */*/[2-9]*) apt_install docker-compose ;;
    *) compose_from_trixie ;;
    esac
    docker compose version >/dev/null 2>&1 || die "docker compose does not answer after it was installed"
}

# The version of a package that apt would install.
candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p'; }

# Debian 12 has no compose v2. Debian 13's package needs nothing newer than Debian 12 has, so its plugin is taken out of
# it. The package source lives in a folder of ours only: the machine's own sources stay as they are.
compose_from_trixie() {
    say "taking docker compose v2 from Debian 13's package"
    local box
    box=$(mktemp -d)
    chmod 755 "$box"
    mkdir -p "$box/lists/partial" "$box/cache/archives/partial" "$box/unpacked"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) trixie main" >"$box/sources.list"
    local options=(-q -o "Dir::Etc::sourcelist=$box/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$box/lists"
        -o "Dir::Cache=$box/cache" -o APT::Sandbox::User=root)
    quietly as_root apt-get "${options[@]}" update || die "no package list of Debian 13 from $(debian_mirror)"
    (cd "$box" && quietly as_root apt-get "${options[@]}" download docker-compose) || die "cannot download docker-compose"
    dpkg-deb -x "$box"/docker-compose_*.deb "$box/unpacked"
    as_root install -D -m 755 "$box/unpacked/usr/libexec/docker/cli-plugins/docker-compose" \
        /usr/local/lib/docker/cli-plugins/docker-compose
    as_root rm -rf "$box"
}
