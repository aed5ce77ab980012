# SPDX-License-Identifier: BSD-2-Clause
# Sourced by check and fresh_root: a Debian 12 root of our own, made once by debootstrap and kept as
# a tar file. It gets this machine's package sources at run time, whatever they are.
# shellcheck shell=bash

image_cache=${SLUICE_IMAGE_CACHE:-${TMPDIR:-/var/tmp}/sluice-image-$(id -u)}

# The first mirror that this machine installs Debian from.
debian_mirror() {
    { sed -n 's/^URIs:[[:space:]]*//p' /etc/apt/sources.list.d/*.sources 2>/dev/null || true
      cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
          sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' || true; } |
        tr ' ' '\n' | grep '/debian/\?$' | head -n 1 | grep .
}

# Copies package sources, proxy settings and name resolution of this machine into a root.
copy_apt_settings() {
    local root=$1 file
    rm -f "$root/etc/apt/sources.list"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian* \
        /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
        if [ -f "$file" ] && ! grep -qs 'docker-clean\|autoremove' <<<"$file"; then
            install -D -m 644 "$file" "$root$file"
        fi
    done
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    grep -qs "$(hostname)" /etc/hosts && cp -L /etc/hosts "$root/etc/hosts"
    return 0
}

# Makes the tar file where it is missing or older than a week, and prints its path.
base_root_tar() {
    local tar=$image_cache/bookworm.tar root mirror
    mkdir -p "$image_cache"
    if [ ! -f "$tar" ] || [ -n "$(find "$tar" -mtime +7)" ]; then
        mirror=$(debian_mirror) || { echo "no Debian mirror in /etc/apt" >&2; return 1; }
        root=$(mktemp -d "$image_cache/root.XXXXXX")
        debootstrap --variant=minbase bookworm "$root" "$mirror" >"$image_cache/debootstrap.log" 2>&1 || {
            tail -20 "$image_cache/debootstrap.log" >&2
            rm -rf "$root"
            return 1
        }
        copy_apt_settings "$root"
        rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
        tar -C "$root" --exclude=./dev/* -cf "$tar.new" . && mv "$tar.new" "$tar"
        rm -rf "$root"
    fi
    echo "$tar"
}

# A port that is free now, below the range of outgoing connections.
free_port() {
    local port
    for _ in $(seq 100); do
        port=$((10000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    return 1
}

# Polls a command: wait_until SECONDS WHAT COMMAND...
wait_until() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "waited in vain for $what" >&2
            return 1
        fi
        sleep 0.2
    done
}
