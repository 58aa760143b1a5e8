# The image: stages its content in one folder, and builds only when that content differs from what the image was made of.

context=$state/context

docker_build() { # name folder [docker build options]
    local name=$1 folder=$2
    shift 2
    if docker_as_user=${docker_as_user:-} docker buildx version >/dev/null 2>&1; then
        docker build -t "$name" "$@" "$folder"
    else
        docker_build_classic "$name" "$folder" "$@"
    fi
}

# Engines without BuildKit's plugin still have the first builder.
docker_build_classic() {
    local name=$1 folder=$2
    shift 2
    if [ -n "${docker_as_user:-}" ]; then
        DOCKER_BUILDKIT=0 command docker build -t "$name" "$@" "$folder"
    else
        as_root env DOCKER_BUILDKIT=0 docker build -t "$name" "$@" "$folder"
    fi
}

ensure_image() { # name
    local hash
    stage_context
    hash=$(content_hash "${context#"$top/"}")
    if [ "$(docker image inspect -f '{{index .Config.Labels "xcat.content"}}' "$1" 2>/dev/null)" != "$hash" ]; then
        ensure_base_image
        say "building the image $1"
        quietly docker_build "$1" "$context" --label "xcat.content=$hash" || die "the image could not be built"
    fi
    name_image "$1"
}

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

# An image of ours has every name that one may know it by. A name of the site's own stays alone.
name_image() { # name
    local name names present
    names=$(image_names)
    [[ $'\n'$names$'\n' == *$'\n'"$1"$'\n'* ]] || return 0
    present=$(docker image inspect -f '{{join .RepoTags "\n"}}' "$1")
    for name in $names; do
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
