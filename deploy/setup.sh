#!/usr/bin/env bash
# Installs the Debian packages that the given lists name and this machine lacks.
# Usage: deploy/setup.sh LIST...   (one package a line, # begins a comment)
set -euo pipefail

installed() {
    dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

fail() {
    echo "setup: $1" >&2
    exit 1
}

mapfile -t wanted < <(grep -hv '^#' "$@")

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "setup: this is no Debian system; should a later step fail, install what Debian calls: ${wanted[*]}" >&2
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=(env DEBIAN_FRONTEND=noninteractive)
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
        fail "these packages are missing and there is no sudo; have root run: apt-get install ${missing[*]}"
    as_root=(sudo "${as_root[@]}")
fi

echo "setup: installing ${missing[*]}" >&2
# A machine that was just switched on may hold dpkg's lock for its own updates: wait for it.
apt=("${as_root[@]}" apt-get --quiet --yes --option DPkg::Lock::Timeout=120)
# An unreachable extra source must not stop us: what counts is whether the packages can be had.
"${apt[@]}" update >&2 || echo "setup: apt-get could not refresh its lists; going on with those it has" >&2
"${apt[@]}" install --no-install-recommends "${missing[@]}" >&2 ||
    fail "apt-get could not install ${missing[*]}; mend what it says above, or install them by hand, and run make again"
