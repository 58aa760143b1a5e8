# Words shared by the scripts behind ./up: saying and failing, settings, becoming root, packages, distributions, mirrors.
# Sourced; runs nothing by itself.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
state=$top/target/up
# Where complaints go, also those of a function whose own output is put away.
exec 3>&2

say() { printf '==> %s\n' "$*"; }
warn() { printf 'up: %s\n' "$*" >&3; }
die() {
    warn "$@"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# What an earlier `sudo ./up` left belongs to root, and later ones by the user would fail one by one.
ensure_state() {
    if ! mkdir -p "$state" 2>/dev/null || [ ! -w "$state" ]; then
        die "$state cannot be written, it belongs to $(stat -c %U "$state" 2>/dev/null || echo another user):" \
            "sudo chown -R $(id -un) $top/target, then run ./up again"
    fi
}

proxies=(http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY)

# Runs a command as root: directly, or through sudo, which is asked to keep our settings and the proxies.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        command "$@"
    elif have sudo; then
        sudo --preserve-env="$({ printf '%s\n' "${proxies[@]}"; compgen -e | grep '^XCAT_'; } | paste -sd,)" "$@"
    else
        die "needs root to install and start things: run it as root, or install sudo"
    fi
}

docker() { with_engine docker "$@"; }

# Runs a program that talks to the engine: as the user, where the engine takes that, else as root.
with_engine() { if [ -n "${docker_as_user:-}" ]; then command "$@"; else as_root "$@"; fi; }

# A value of .env as compose reads it, unless the environment has its own.
setting() { # name default
    local value=${!1:-}
    printf '%s\n' "${value:-${settings[$1]:-$2}}"
}

declare -A settings=()

read_settings() {
    local line
    [ -e "$top/container/.env" ] || return 0
    while IFS= read -r line; do settings[${line%%=*}]=${line#*=}; done < <(written "$top/container/.env")
}

# What a file of settings says, as lines NAME=VALUE: a value is what is between quotes, or what is before a remark.
written() { # file
    local line value assignment='^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z_0-9]*)[[:space:]]*=[[:space:]]*(.*)$'
    while IFS= read -r line || [ -n "$line" ]; do
        [[ ${line%$'\r'} =~ $assignment ]] || continue
        value=${BASH_REMATCH[3]}
        case $value in
        \"*) value=${value#\"} && value=${value%%\"*} ;;
        \'*) value=${value#\'} && value=${value%%\'*} ;;
        \#*) value='' ;;
        *) value=${value%%[[:space:]]#*} && value=${value%"${value##*[![:space:]]}"} ;;
        esac
        printf '%s=%s\n' "${BASH_REMATCH[2]}" "$value"
    done <"$1"
}

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
    have apt-get || die "$(what_to_install "$(ls /etc/os-release 2>/dev/null || echo /dev/null)")"
    quietly as_root apt-get -q update || warn "apt-get update had errors, going on with the lists that are here"
    apt_updated=yes
}

# On a machine without apt nothing is installed: the line that does it, by what os-release calls the distribution.
what_to_install() ( # os-release
    ID='' ID_LIKE='' PRETTY_NAME='' line=''
    # shellcheck disable=SC1090 # what it names is read by those who call
    . "$1"
    for word in $ID $ID_LIKE; do
        line=$(engine_packages "$word") && break
    done
    printf 'this is %s, where ./up installs nothing: %s, start the engine (systemctl enable --now docker), then run ./up again\n' \
        "${PRETTY_NAME:-${ID:-no Debian or Ubuntu}}" "${line:-install the Docker engine and its compose plugin, version 2}"
)

engine_packages() { # name of a distribution
    case $1 in
    rhel | centos) echo "install docker-ce and docker-compose-plugin from Docker's own repository (dnf)" ;;
    amzn) echo "run 'dnf install docker' and add Docker's compose plugin, version 2" ;;
    fedora) echo "run 'dnf install moby-engine docker-compose'" ;;
    suse | opensuse*) echo "run 'zypper install docker docker-compose'" ;;
    arch) echo "run 'pacman -S docker docker-compose'" ;;
    alpine) echo "run 'apk add docker docker-cli-compose'" ;;
    *) return 1 ;;
    esac
}

apt_install() {
    apt_update
    say "installing $*"
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install \
        --no-install-recommends "$@" ||
        die "apt-get could not install: $*"
}

# Prints one hash over the content of files and folders, whatever their times.
content_hash() {
    (cd "$top" && find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

# The Debian mirror of this machine, or Debian's own name. Other products have repositories whose address ends in /debian
# too: what carries the updates of a release is a mirror, or what is called just that.
debian_mirror() { # [folder of apt's settings]
    local sources=${1:-/etc/apt} found=${XCAT_DEBIAN_MIRROR:-}
    [ -n "$found" ] || found=$(apt_sources "$sources" | awk '!found && $2 ~ /-updates$/ && $1 ~ /\/debian$/ { print found = $1 }')
    [ -n "$found" ] || found=$(apt_sources "$sources" | awk '!found && $1 ~ /^https?:\/\/[^\/]+\/debian$/ { print found = $1 }')
    [ -n "$found" ] || found=http://deb.debian.org/debian
    printf '%s\n' "${found%/}"
}

# The address and the suite of each source of packages with a component `main`, in both of apt's formats.
apt_sources() { # folder
    {
        cat "$1"/sources.list "$1"/sources.list.d/*.list 2>/dev/null |
            sed -n 's/\[[^]]*\]//; s/^[[:space:]]*deb[[:space:]]\{1,\}//p'
        local file
        for file in "$1"/sources.list.d/*.sources; do
            [ ! -e "$file" ] || deb822 "$file" || true
        done
    } | awk '{ sub(/\/$/, "", $1); for (n = 3; n <= NF; n++) if ($n == "main") { print $1, $2; break } }'
}

# The paragraphs of a .sources file as lines "address suite components", one for each address and suite.
deb822() { # file
    grep -v '^#' "$1" | awk '
        function flush(   i, j, m, n, us, ss) {
            if (off == "") {
                m = split(uris, us, " "); n = split(suites, ss, " ")
                for (i = 1; i <= m; i++) for (j = 1; j <= n; j++) print us[i], ss[j], components
            }
            off = uris = suites = components = ""
        }
        /^[[:space:]]*$/ { flush(); next }
        {
            name = tolower($1); value = $0; sub(/^[^ \t]+[ \t]*/, "", value)
            if (name == "uris:") uris = value
            else if (name == "suites:") suites = value
            else if (name == "components:") components = value
            else if (name == "types:" && value !~ /(^| )deb( |$)/) off = "sources only"
            else if (name == "enabled:" && value ~ /^(no|false|without|off|disable)/) off = "disabled"
        }
        END { flush() }'
}
