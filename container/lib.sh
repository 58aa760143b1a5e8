# Words shared by the scripts behind ./up: saying, failing, becoming root, asking for packages.
# Sourced; runs nothing by itself.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
state=$top/target/up
mkdir -p "$state"

say() { printf '==> %s\n' "$*"; }
warn() { printf 'up: %s\n' "$*" >&2; }
die() {
    warn "$@"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root: directly, or through sudo, which is asked to keep our settings.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo --preserve-env="$(compgen -e | grep '^XCAT_' | paste -sd,)" "$@"
    else
        die "needs root: run it as root, or install sudo"
    fi
}

docker() { if [ -n "${docker_as_user:-}" ]; then command docker "$@"; else as_root docker "$@"; fi; }

# Runs a command quietly; shows what it said only when it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# Refreshes the package lists once a run, and only when something has to be installed.
apt_update() {
    [ -n "${apt_updated:-}" ] && return
    have apt-get || die "this is no Debian or Ubuntu: install the Docker engine, compose v2 and mmdebstrap, then run ./up again"
    quietly as_root apt-get -q update || warn "apt-get update had errors, going on with the lists that are here"
    apt_updated=yes
}

apt_install() {
    apt_update
    say "installing $*"
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$@" ||
        die "apt-get could not install: $*"
}

# Prints one hash over the content of files and folders, whatever their times.
content_hash() {
    (cd "$top" && find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

# The Debian mirror of this machine, or Debian's own name.
debian_mirror() {
    local found
    found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        grep -v '^[[:space:]]*#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ') || true
    printf '%s\n' "${XCAT_DEBIAN_MIRROR:-${found:-http://deb.debian.org/debian}}" | sed 's,/*$,,'
}
