# The programs: xcatd, xcat, xcat-node and xcat-lab, each one static file, so that what this machine builds runs on the
# host, in the container and in a node's initramfs alike. Built by the machine's cargo, else in a container.

binaries=(xcatd xcat xcat-node xcat-lab)
sources=(crates Cargo.toml Cargo.lock rust-toolchain.toml)

ensure_binaries() {
    local hash inputs=() path
    for path in "${sources[@]}"; do [ ! -e "$top/$path" ] || inputs+=("$path"); done
    hash=$(content_hash "${inputs[@]}")
    [ "$(cat "$state/binaries.hash" 2>/dev/null)" = "$hash" ] && are_here && return
    if cargo_is_new_enough; then
        build_here
    else
        build_in_container
    fi
    printf '%s\n' "$hash" >"$state/binaries.hash"
}

are_here() {
    local name
    for name in "${binaries[@]}"; do [ -x "$state/bin/$name" ] || return; done
}

# Whether this machine's cargo builds the programs: it is new enough, and the C library is there to be linked in.
cargo_is_new_enough() {
    local version
    have cargo && have cc && cc -static -x c -o /dev/null - <<<'int main(void) { return 0; }' 2>/dev/null || return 1
    version=$(cd "$top" && cargo --version 2>/dev/null | awk '{print $2}') || return 1
    [ "$(printf '1.95.0\n%s\n' "$version" | sort -V | head -n 1)" = 1.95.0 ]
}

rust_target() { printf '%s-unknown-linux-gnu\n' "$(uname -m | sed 's/ppc64le/powerpc64le/')"; }

build_arguments() { # target folder
    printf '%s\n' --release --locked --target "$(rust_target)" --target-dir "$1"
    printf -- '--bin\n%s\n' "${binaries[@]}"
}

build_here() {
    say "building with $(cargo --version) (some minutes the first time)"
    local arguments
    mapfile -t arguments < <(build_arguments "$top/target")
    (cd "$top" && RUSTFLAGS="-C target-feature=+crt-static" cargo build "${arguments[@]}") || die "the build failed"
    collect_binaries "$top/target"
}

# Debian 13 has a Rust that is new enough. The machine's certificate authorities go in as a mount, never into an image.
build_in_container() {
    local image arguments name run=(--rm --user "$(id -u):$(id -g)" -v "$top:/src:ro" -v "$state/cargo:/build" -w /src)
    image=xcat-rs-builder:$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$top/Cargo.toml")
    if ! docker image inspect "$image" >/dev/null 2>&1; then
        ensure_base_image
        say "making a build container with Debian's Rust"
        quietly docker_build "$image" "$top/container" -f "$top/container/builder/Dockerfile" || die "the build container could not be made"
    fi
    say "no cargo 1.95 here: building in a container (some minutes)"
    mkdir -p "$state/cargo"
    mapfile -t arguments < <(build_arguments /build/target)
    if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
        run+=(-v /etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro)
    fi
    # By name alone: a proxy's password does not belong into a command line.
    for name in "${proxies[@]}"; do run+=(-e "$name"); done
    docker run "${run[@]}" -e CARGO_HOME=/build/home -e HOME=/build \
        -e RUSTFLAGS="-C target-feature=+crt-static" "$image" cargo build "${arguments[@]}" || die "the build failed"
    collect_binaries "$state/cargo/target"
}

collect_binaries() {
    local name
    mkdir -p "$state/bin"
    for name in "${binaries[@]}"; do
        install -m 755 "$1/$(rust_target)/release/$name" "$state/bin/$name.new"
        mv "$state/bin/$name.new" "$state/bin/$name"
    done
}
