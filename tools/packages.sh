# SPDX-License-Identifier: BSD-2-Clause
# Sourced by run, test and .ci/run: Debian packages by purpose, and the way to get them.
# shellcheck shell=bash

# Building needs these; tests/lint/files_test.py holds the Dockerfile to the same list.
build_packages=(g++ cmake ninja-build ccache pkg-config libspdlog-dev libcli11-dev
    libfmt-dev libpcre2-dev libc-ares-dev zlib1g-dev libmaxminddb-dev)
# ./run and ./test.
test_packages=(libgtest-dev wrk curl python3 procps valgrind)
# ./test --asan and --fuzz.
clang_packages=(clang-19 libclang-rt-19-dev llvm-19)
# The image check where no Docker engine runs.
image_packages=(debootstrap buildah)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# Prints those of its arguments that are not installed.
missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            printf '%s\n' "$package"
    done
}

# The words that make apt-get run as root here; fails where nothing does.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        return 0
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        echo sudo
    else
        return 1
    fi
}

# Installs what is missing of its arguments, or names it and ends the script with exit code 1.
ensure_packages() {
    local missing root
    if ! command -v dpkg-query >/dev/null; then
        say "this is not Debian: install by hand what stands for these packages: $*"
        exit 1
    fi
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    if ! root=$(as_root); then
        say "neither root nor sudo here, and these packages are missing: ${missing[*]}"
        say "install them (apt-get install ${missing[*]}) and start again"
        exit 1
    fi
    say "installing ${missing[*]}"
    # shellcheck disable=SC2086 # $root is empty or one word
    if ! { $root apt-get update -q &&
        $root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
            "${missing[@]}"; } >&2; then
        say "could not install: ${missing[*]}"
        exit 1
    fi
}

# Configures and builds a preset: build_preset NAME [cmake --build arguments].
build_preset() {
    local preset=$1
    shift
    mkdir -p build
    cmake --preset "$preset" >"build/configure-$preset.log" 2>&1 || {
        cat "build/configure-$preset.log" >&2
        say "cmake --preset $preset failed"
        exit 1
    }
    cmake --build --preset "$preset" "$@" || {
        say "the build of preset $preset failed"
        exit 1
    }
}
