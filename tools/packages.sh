#!/usr/bin/env bash
# tools/packages.sh GROUP...: installs what is missing of these groups' Debian packages, and says
# which. The one place that knows their names (Debian 12 and 13).
#
#   build   a compiler, CMake and the libraries        test   Check, HAProxy, Node, npm, Chromium,
#                                                              Python's websockets
#   run     Redis                                       lint   clang 19 and its tools, ShellCheck
#   debian13   what tests/debian13 needs on the host    compose   Docker, and debootstrap for images
set -euo pipefail

# A program that is there by other means (a Node of one's own, say) is as good as its package.
has_command() { command -v "$1" >/dev/null; }
has_package() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }
has_node() { has_command node && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; }

missing=()
need_package() {
    local name
    for name; do has_package "$name" || missing+=("$name"); done
}
need_command() { has_command "$1" || missing+=("$2"); } # PROGRAM, the package that brings it

need_group() {
    case $1 in
    build)
        need_command gcc gcc
        need_command make make
        need_command cmake cmake
        need_command pkg-config pkgconf
        # libwebsockets finds its libuv plugin only at run time: no other package depends on it.
        need_package libc6-dev libwebsockets-dev libwebsockets-evlib-uv libevent-dev libuv1-dev \
            libhiredis-dev libcjson-dev uthash-dev libssl-dev
        ;;
    run)
        need_command redis-server redis-server
        need_command redis-cli redis-tools
        ;;
    test)
        need_package check haproxy python3-websockets
        has_node || missing+=(nodejs)
        need_command npm npm
        need_command chromium chromium
        # What the page says in Chinese, for who looks at the screenshots.
        need_package fonts-wqy-microhei
        ;;
    lint)
        need_command clang-19 clang-19
        need_command clang-format-19 clang-format-19
        need_command clang-tidy-19 clang-tidy-19
        need_command shellcheck shellcheck
        need_package libclang-rt-19-dev # the sanitizers and libFuzzer
        ;;
    debian13) need_command debootstrap debootstrap ;;
    compose)
        need_package docker.io
        has_command docker-compose || docker compose version >/dev/null 2>&1 || missing+=(docker-compose)
        need_command debootstrap debootstrap
        ;;
    *)
        echo "tools/packages.sh: no group \"$1\": build, run, test, lint, debian13 or compose" >&2
        exit 2
        ;;
    esac
}

# The package and the service of what Debian starts when it is installed.
is_service() { [[ $1 =~ ^(redis-server|haproxy|docker\.io)$ ]]; }

# Ours are started by hand, on their own ports, so for this one installation the answer to "may it
# start?" (policy-rc.d) is no; a policy that is already there stays, and what it lets start is
# stopped again.
install_without_service() {
    local name
    local policy=/usr/sbin/policy-rc.d
    if ( set -o noclobber; printf '#!/bin/sh\nexit 101\n' >$policy ) 2>/dev/null; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        trap 'exit 1' INT TERM HUP
        chmod 755 $policy
    fi
    install "$@"
    for name; do
        name=${name%.io} # the service of docker.io is docker
        service "$name" stop >/dev/null 2>&1 || true
        if [[ -d /run/systemd/system ]]; then # nor at the next boot
            systemctl --quiet disable "$name"
        fi
    done
}

install() { apt-get install --yes --no-install-recommends "$@"; }

install_all() { # as root
    local name rest=() npm=false services=()
    for name; do
        if [[ $name == npm ]]; then
            npm=true
        elif is_service "$name"; then
            services+=("$name")
        else
            rest+=("$name")
        fi
    done
    export DEBIAN_FRONTEND=noninteractive
    apt-get update || echo "apt-get update failed: going on with the lists that are here"
    if ((${#rest[@]})); then install "${rest[@]}"; fi
    # Not together with nodejs: another source than Debian may bring npm in that one.
    if $npm && ! has_command npm; then install npm; fi
    if ((${#services[@]})); then install_without_service "${services[@]}"; fi
}

if [[ ${1-} == --install ]]; then # our own call through sudo, with the names
    shift
    install_all "$@"
    exit
fi
(($#)) || { echo "usage: tools/packages.sh build|run|test|lint|debian13|compose ..." >&2; exit 2; }
for group; do need_group "$group"; done
((${#missing[@]})) || exit 0

echo "Installing Debian packages: ${missing[*]}"
if ((EUID == 0)); then
    install_all "${missing[@]}"
elif has_command sudo; then
    sudo -- "$0" --install "${missing[@]}"
else
    echo "tools/packages.sh: neither root nor sudo; as root: apt-get install ${missing[*]}" >&2
    exit 1
fi
