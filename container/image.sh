# The image: stages its content in one folder, and builds only when that content differs from what the image was made of.

context=$state/context

# Builds with the engine's own builder, whatever other one is chosen on this machine: the base image is there only.
docker_build() { # name folder [docker build options]
    local name=$1 folder=$2 variable proxy line=(docker build -t "$1")
    shift 2
    proxy=$(apt_proxy)
    # Handed over by name: a password in it does not belong into a command line.
    [ -z "$proxy" ] || local -x http_proxy=$proxy
    line+=(--build-arg "MIRROR=$(debian_mirror)")
    for variable in "${proxies[@]}"; do
        [ -z "${!variable:-}" ] || line+=(--build-arg "$variable")
    done
    [ "$refresh" = no ] || line+=(--no-cache)
    line+=("$@" "$folder")
    if docker buildx version >/dev/null 2>&1; then
        with_engine env BUILDX_BUILDER="$(docker context show 2>/dev/null || echo default)" "${line[@]}"
    else # engines without BuildKit's plugin still have the first builder
        with_engine env DOCKER_BUILDKIT=0 "${line[@]}"
    fi
}

# The proxy that apt has on this machine alone. One on this machine itself cannot be reached from a container.
apt_proxy() {
    local proxy
    [ -z "${http_proxy:-}" ] && have apt-config || return 0
    proxy=$(apt-config dump Acquire::http::Proxy 2>/dev/null | sed -n 's/.*"\(http.*\)";/\1/p' | tail -n 1)
    case $proxy in *//localhost* | *//127.* | *//\[::1\]*) ;; *) printf '%s' "$proxy" ;; esac
}

# The image of the sources beside this script, under a name of ours. Any other name is the site's own image.
ensure_image() { # name
    local hash
    if ! is_ours "$1" || [ "$builds" = no ]; then
        [ "$refresh" = no ] || die "$1 is no image that ./up builds: refresh it where it comes from (docker pull $1)"
        docker image inspect "$1" >/dev/null 2>&1 || { say "asking for $1" && quietly docker pull -q "$1"; } ||
            die "there is no image $1 here, and no registry has it: load it (docker load), or set XCAT_IMAGE=xcat-rs:latest"
        return
    fi
    stage_context
    hash=$(content_hash "${context#"$top/"}")
    if [ "$refresh" = yes ] || [ "$(docker image inspect -f '{{index .Config.Labels "xcat.content"}}' "$1" 2>/dev/null)" != "$hash" ]; then
        ensure_base_image
        say "building the image $1"
        quietly docker_build "$1" "$context" --label "xcat.content=$hash" || die "the image could not be built"
    fi
    name_image "$1"
}

is_ours() { [[ $'\n'$(image_names)$'\n' == *$'\n'"$1"$'\n'* ]]; } # name

stage_context() {
    mkdir -p "$context"
    cp "$top/container/Dockerfile" "$context/"
    rm -rf "$context/rootfs"
    cp -r "$top/container/rootfs" "$context/"
    bash "$top/container/stage.sh" "$state/bin" "$context/root"
}

# Images of ours that a newer one has taken all names from, and that no container uses.
remove_old_images() {
    quietly docker image prune --force --filter label=xcat.content || warn "the images of before could not be removed"
}

# An image of ours has every name that one may know it by.
name_image() { # name
    local name present
    present=$(docker image inspect -f '{{join .RepoTags "\n"}}' "$1")
    for name in $(image_names); do
        [[ $'\n'$present$'\n' == *$'\n'"$name"$'\n'* ]] || docker tag "$1" "$name" || die "the image cannot be named $name"
    done
}

# Ours and those of the original, so that a compose file written for it works as it is.
image_names() {
    local name tag
    for name in xcat-rs "xcat/xcat-ubuntu-$(uname -m)"; do
        for tag in latest dev "$(release)"; do printf '%s:%s\n' "$name" "$tag"; done
    done
}

release() { sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$top/Cargo.toml"; }
