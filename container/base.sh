# The base image, under its ordinary name, so that the Dockerfile says `FROM debian:trixie-slim` whoever made it.

base_image=debian:trixie-slim

ensure_base_image() {
    [ "$refresh" = yes ] || ! docker image inspect "$base_image" >/dev/null 2>&1 || return 0
    [ -z "${base_refreshed:-}" ] || return 0
    base_refreshed=yes
    say "asking for $base_image"
    with_engine timeout 90 docker pull -q "$base_image" >/dev/null 2>&1 && return
    make_base_image
}

# No registry answers: the same system, made here from the packages. The shipped sources name Debian's public mirror.
make_base_image() {
    local key=/usr/share/keyrings/debian-archive-keyring.gpg
    if ! have apt-get && { ! have mmdebstrap || [ ! -e "$key" ]; }; then
        die "no registry answers: load an image $base_image (docker load), or install mmdebstrap and $key, then run ./up again"
    fi
    say "no registry answers: making $base_image with mmdebstrap (about a minute)"
    have mmdebstrap || apt_install mmdebstrap
    [ -e "$key" ] || apt_install debian-archive-keyring
    local tar=$state/base.tar mirror
    mirror=$(debian_mirror)
    # shellcheck disable=SC2016 # "$1" is mmdebstrap's
    quietly as_root mmdebstrap --quiet --mode=root --variant=minbase \
        --dpkgopt="$top/container/rootfs/dpkg.cfg" --aptopt="$top/container/rootfs/apt.conf" \
        --customize-hook='rm -rf "$1"/var/lib/apt/lists/*' \
        --customize-hook="copy-in $top/container/rootfs/sources.list /etc/apt" \
        trixie "$tar" "deb [signed-by=$key] $mirror trixie main" \
        "deb [signed-by=$key] $mirror trixie-updates main" ||
        die "mmdebstrap could not make the base image from $mirror: XCAT_DEBIAN_MIRROR names another mirror"
    quietly docker import --change 'CMD ["bash"]' "$tar" "$base_image" || die "docker import of the base image failed"
    as_root rm -f "$tar"
}
