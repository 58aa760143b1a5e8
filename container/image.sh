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
    [ "$(docker image inspect -f '{{index .Config.Labels "xcat.content"}}' "$1" 2>/dev/null)" = "$hash" ] && return
    ensure_base_image
    say "building the image $1"
    quietly docker_build "$1" "$context" --label "xcat.content=$hash" || die "the image could not be built"
}

stage_context() {
    local root=$context/root share=$context/root/opt/xcat/share/xcat
    rm -rf "$context"
    mkdir -p "$root/opt/xcat/bin" "$root/opt/xcat/sbin" "$share/node" "$share/container" "$root/etc/profile.d"
    cp "$top/container/Dockerfile" "$context/"
    install -m 755 "$state/bin/xcat" "$root/opt/xcat/bin/xcat"
    install -m 755 "$state/bin/xcatd" "$root/opt/xcat/sbin/xcatd"
    [ ! -d "$top/assets" ] || cp -r "$top/assets/." "$share/"
    install -m 755 "$state/bin/xcat-node" "$share/node/xcat-node"
    install -m 755 "$top/container/init" "$share/container/init"
    install -m 644 "$top/container/profile.sh" "$root/etc/profile.d/xcat.sh"
}
