# The part of deploy/install that installs jobfs for systemd; docs/systemd.md tells what results.
# shellcheck shell=sh disable=SC2154

target=/opt/jobfs # a virtual environment, and docs in share/doc/jobfs
units=/usr/local/lib/systemd/system # so that /etc/systemd/system is the administrator's alone
built=/var/cache/jobfs-install # wheels, and what makes them

# Install or upgrade; say what is left to do where systemd does not run.
install_for_systemd() {
    install_packages systemd
    build_wheels
    if changed; then
        stop_running
        install_wheels
    fi
    install_units
    install_settings
    install_completion
    if [ -d /run/systemd/system ]; then
        start_units
    else
        echo "$program: systemd does not run here. At the next boot it starts jobfs; or run:" \
            "systemctl start jobfs.target"
    fi
}

# Make wheels of all packages, if the locks or the interpreter have changed, and of jobfs. What takes
# long is done before anything is stopped.
build_wheels() {
    inputs="$(cat requirements.lock deploy/build.lock | sha256sum)
$("$python" -c 'import os, sys; print(sys.version_info[:2], os.path.realpath(sys.executable))')"
    if [ "$(cat "$built/stamp" 2>/dev/null)" != "$inputs" ]; then
        echo "$program: making wheels with $("$python" --version); compiling pyfuse3 takes a minute"
        rm -rf "$built"
        mkdir -p "$built"
        logged "$python" -m venv "$built/tools" ||
            fail "$python cannot make a virtual environment; see $log"
        pip install --require-hashes --requirement deploy/build.lock
        pip wheel --require-hashes --no-build-isolation --wheel-dir "$built/wheels" \
            --requirement requirements.lock
        printf '%s\n' "$inputs" >"$built/stamp"
    fi
    # In a copy: the checkout is somebody's, and keeps what root leaves there.
    rm -rf "$built/source" "$built/jobfs"
    mkdir "$built/source"
    cp -R pyproject.toml README.md jobfs "$built/source"
    pip wheel --no-deps --no-build-isolation --no-index --wheel-dir "$built/jobfs" "$built/source"
    inputs="$inputs
$(cd "$built/source" && find . -name __pycache__ -prune -o -path ./build -prune -o \
        -name '*.egg-info' -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)"
}

# Run pip for the machine's jobfs.
pip() {
    logged "$built/tools/bin/python" -m pip --disable-pip-version-check "$@" ||
        fail "pip could not install Python packages: is there a network? See $log"
}

# Tell whether what is installed is something else than what was built.
changed() {
    [ "$(cat "$target/stamp" 2>/dev/null)" != "$inputs" ]
}

# End what runs: its programs are about to be replaced.
stop_running() {
    [ -d /run/systemd/system ] && systemctl --quiet is-active jobfs.target || return 0
    echo "$program: stopping jobfs; uploads under way may end for 30 seconds"
    systemctl stop jobfs.target jobfs-mount.service jobfs-login.service 'jobfs-worker@*'
}

# Make the environment anew.
install_wheels() {
    echo "$program: installing into $target"
    if [ -e "$target" ] && [ ! -e "$target/pyvenv.cfg" ]; then
        fail "$target is there and not jobfs's: move it away"
    fi
    logged "$python" -m venv --clear --without-pip "$target" ||
        fail "$python cannot make a virtual environment; see $log"
    pip --python "$target/bin/python" install --no-index --no-deps "$built"/wheels/*.whl \
        "$built"/jobfs/*.whl
    mkdir -p "$target/share/doc/jobfs"
    cp -R README.md CHANGELOG.md docs "$target/share/doc/jobfs"
    [ -e /usr/local/bin/jobfs ] || ln -sf "$target/bin/jobfs" /usr/local/bin/jobfs
    printf '%s\n' "$inputs" >"$target/stamp"
}

# Install units, the account of decoders, and folders.
install_units() {
    new=yes
    [ ! -e "$units/jobfs.target" ] || new=
    install -d "$units" /usr/local/lib/sysusers.d /usr/local/lib/tmpfiles.d
    install -m 0644 deploy/systemd/*.service deploy/systemd/*.target "$units"
    install -m 0644 deploy/systemd/jobfs.sysusers /usr/local/lib/sysusers.d/jobfs.conf
    install -m 0644 deploy/systemd/jobfs.tmpfiles /usr/local/lib/tmpfiles.d/jobfs.conf
    logged systemd-sysusers /usr/local/lib/sysusers.d/jobfs.conf ||
        fail "uid 20000 cannot be given to decoders; see $log"
    logged systemd-tmpfiles --create /usr/local/lib/tmpfiles.d/jobfs.conf ||
        fail "folders cannot be made; see $log"
    [ -z "$new" ] || # what an administrator has disabled since stays so
        logged systemctl enable jobfs.target jobfs-mount.service jobfs-login.service \
            jobfs-worker@1.service || fail "systemctl could not enable jobfs; see $log"
}

# Install settings, each with its default, unless there are some.
install_settings() {
    [ -e /etc/jobfs/jobfs.toml ] || install -m 0600 deploy/jobfs.toml /etc/jobfs/jobfs.toml
}

# Put what completes commands where each shell looks for it, installed or not.
install_completion() {
    write_completion bash /usr/local/share/bash-completion/completions/jobfs
    write_completion zsh /usr/local/share/zsh/site-functions/_jobfs
    write_completion fish /usr/share/fish/vendor_completions.d/jobfs.fish # Debian's looks nowhere else
}

# Write what shell $1 needs into file $2.
write_completion() {
    install -d "${2%/*}"
    "$target/bin/jobfs" completion "$1" >"$2" || fail "$2 cannot be written"
    chmod 0644 "$2"
}

# Start, and look whether photographers are served.
start_units() {
    systemctl daemon-reload
    systemctl --quiet is-enabled jobfs.target || {
        echo "$program: jobfs.target is disabled; run: systemctl start jobfs.target"
        return 0
    }
    systemctl start jobfs.target
    for unit in jobfs-mount.service jobfs-login.service; do
        systemctl --quiet is-active "$unit" ||
            ! systemctl --quiet is-enabled "$unit" ||
            fail "$unit does not run; its reason: journalctl --unit $unit --lines 20"
    done
    echo "$program: jobfs runs; see systemctl status 'jobfs-*'"
}
