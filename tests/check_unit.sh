#!/bin/sh
# Checks systemd/claviger.service and its drop-in, without installing or starting anything:
#   1. systemd understands every line of them (systemd-analyze verify),
#   2. the unit is locked down well enough (systemd-analyze security, exposure at most 1.1).
#
# usage: check_unit.sh [DIRECTORY]    the directory with the two files; by default systemd/, here
#                                     or in a folder above this script
# exit:  0 all is well · 1 a check failed · 2 files not found · 77 systemd-analyze is missing or too old
set -eu

max_exposure=11 # in tenths: 1.1

fail() {
    echo "check_unit: $1" >&2
    exit "${2:-1}"
}

# Where the unit is.
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-}
if [ -z "$dir" ]; then
    for candidate in systemd "$here" "$here/systemd" "$here/../systemd"; do
        if [ -f "$candidate/claviger.service" ]; then
            dir=$candidate
            break
        fi
    done
fi
unit=$dir/claviger.service
dropin=$dir/credential.conf
if [ -z "$dir" ] || [ ! -f "$unit" ] || [ ! -f "$dropin" ]; then
    fail "no claviger.service and credential.conf in '${dir:-systemd}'; give their directory as an argument" 2
fi

# What it is checked with. Checking a file without a running systemd came with version 250.
command -v systemd-analyze >/dev/null 2>&1 ||
    fail "systemd-analyze is missing, so nothing was checked (Debian and Ubuntu: the package 'systemd')" 77
version=$(systemd-analyze --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
[ "${version:-0}" -ge 250 ] ||
    fail "systemd-analyze ${version:-of an unknown version} is too old, so nothing was checked (needed: 250)" 77

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# verify wants the binary to be there. A copy of the unit runs another program in its place.
verify() { # name, drop-in
    mkdir -p "$work/$1/claviger.service.d"
    sed 's|^ExecStart=/usr/local/bin/claviger |ExecStart=/bin/true |' "$unit" >"$work/$1/claviger.service"
    cp "$2" "$work/$1/claviger.service.d/credential.conf"
    grep -q '^ExecStart=/bin/true ' "$work/$1/claviger.service" ||
        fail "the unit does not start /usr/local/bin/claviger"
    # The exit status says nothing of unknown settings, but each is printed with the file's name.
    systemd-analyze verify --man=no "$work/$1/claviger.service" >"$work/$1.log" 2>&1 || echo "exit status $?" >>"$work/$1.log"
    if grep -E 'claviger\.service|credential\.conf|exit status' "$work/$1.log" >&2; then
        fail "systemd-analyze verify complains ($1), see above"
    fi
}

verify "as it is" "$dropin"
# The lines that are switched off must be right too: the same, switched on.
sed 's|^#\(LoadCredential\)|\1|' "$dropin" >"$work/on.conf"
grep -q '^LoadCredential=master.key:/' "$work/on.conf" ||
    fail "credential.conf has no line '#LoadCredential=master.key:/…' to switch on"
verify "with credentials" "$work/on.conf"

# No --config in ExecStart: it would make a configuration file necessary.
if grep -q '^ExecStart=.*--config' "$unit"; then
    fail "ExecStart names a configuration file, so the first start would fail without one"
fi

systemd-analyze security --no-pager --offline=true --threshold="$max_exposure" "$unit" >"$work/security.log" 2>&1 || {
    cat "$work/security.log" >&2
    fail "the exposure of claviger.service is above its limit of 1.1, see the lines with ✗"
}
# The last line names the score.
echo "check_unit: well-formed (systemd $version)$(sed -n 's/^.*Overall exposure level for claviger.service: \([0-9.]*\).*/, exposure \1 of at most 1.1/p' "$work/security.log")"
