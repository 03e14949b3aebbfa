# Debian packages and the virtual environment: what deploy/install, the Dockerfile and the scripts in
# tests/ share. They set `program`, their name for messages, and source this file in the checkout's root.
# shellcheck shell=sh disable=SC2154,SC2034

log=/var/log/jobfs-${program##*/}.log # what apt and pip print; of the last run only
# Debian packages: what runs jobfs, what serves SFTP, and what compiles pyfuse3.
packages_to_run="python3 fuse3 mount util-linux tzdata ca-certificates"
packages_to_serve="openssh-server openssh-client libnss-extrausers"
packages_to_build="python3-venv gcc libc6-dev libfuse3-dev pkg-config python3-dev"

services="ssh.service ssh.socket postgresql.service rsync.service" # that packages bring along

policy=/usr/sbin/policy-rc.d # Debian's packages ask it before they start a service
no_cluster=/etc/postgresql-common/createcluster.d/jobfs.conf # read when PostgreSQL is installed

# Say what is wrong and what helps, and end.
fail() {
    echo "$program: $1" >&2
    exit 1
}

# Refuse to go on without root, and on systems whose packages we do not know.
require_root_and_apt() {
    [ "$(id -u)" -eq 0 ] || fail "needs root; run: sudo $program"
    command -v apt-get >/dev/null ||
        fail "this system has no apt-get; jobfs installs itself on Debian 12 or newer, and Ubuntu 24.04"
    umask 022
    : >"$log"
}

# Run a command whose output nobody wants to see unless it fails.
logged() {
    printf '\n$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null
}

# Print those of the packages named that are not installed.
missing_packages() {
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            printf '%s ' "$package"
    done
}

# Print those of the services above that this machine has.
present_services() {
    for unit in $services; do
        [ ! -e "/lib/systemd/system/$unit" ] || printf '%s ' "$unit"
    done
}

# Install what is missing of the packages named, without the services that come with them.
install_packages() {
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    echo "$program: installing Debian packages: $missing"
    before=" $(present_services)"
    forbid_services
    # A list that cannot be fetched matters only if the installation then fails.
    logged quiet_apt update || true
    # shellcheck disable=SC2086 # words
    logged quiet_apt install --yes --no-install-recommends $missing ||
        fail "apt could not install packages: is there a network, and no other apt at work? See $log"
    for unit in $(present_services); do
        case $before in *" $unit "*) ;; *) disable_service "$unit" ;; esac
    done
    allow_services
}

# Run apt-get so that it asks nothing, restarts nothing and waits for another apt to finish.
quiet_apt() {
    env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get --quiet -o DPkg::Lock::Timeout=120 "$@"
}

# Keep packages from starting services and making database clusters, until allow_services.
forbid_services() {
    trap allow_services EXIT
    trap 'exit 130' INT TERM
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\n# by %s, while it installs\nexit 101\n' "$program" >"$policy"
        chmod 755 "$policy"
    fi
    no_cluster_folder=$(mkdir -pv "${no_cluster%/*}") # empty if it was there
    echo "create_main_cluster = false" >"$no_cluster"
}

# Take back what forbid_services did.
allow_services() {
    trap - EXIT INT TERM
    if grep -qs "^# by $program, while it installs$" "$policy"; then rm -f "$policy"; fi
    rm -f "$no_cluster"
    if [ -n "$no_cluster_folder" ]; then
        rmdir --parents --ignore-fail-on-non-empty "${no_cluster%/*}"
    fi
}

# Keep a service that is new here from running, now and at boot. Not every system has each tool.
disable_service() {
    logged systemctl disable --now "$1" || true
    logged update-rc.d "${1%.*}" disable || true
    echo "$program: $1 came with a package and stays off; jobfs does not use it"
}

# Tell whether step $1 of .venv was last done with the inputs $2.
done_with() {
    [ "$(cat ".venv/$1.stamp" 2>/dev/null)" = "$2" ]
}

# Remember that it was.
mark_done() {
    printf '%s\n' "$2" >".venv/$1.stamp"
}

# Install into .venv.
pip_install() {
    logged .venv/bin/python -m pip --disable-pip-version-check install --no-input "$@" ||
        fail "pip could not install Python packages: is there a network? See $log"
}
