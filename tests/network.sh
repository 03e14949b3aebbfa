# How another Debian reaches what this machine reaches, for tests/prove-debian and tests/prove-image.
# They source deploy/packages.sh before this file, and may name nothing of this machine themselves.
# shellcheck shell=sh disable=SC2154

# Print where this machine gets Debian's packages from; nothing if from nowhere in particular.
mirror() {
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Identifier: Packages' |
        sed -n 's/^Debian //p' | head -n 1
}

# Make a root of the Debian called $1 in the folder $2.
bootstrap() {
    eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
    mirror=$(mirror)
    logged env ${http_proxy:+http_proxy="$http_proxy"} \
        debootstrap --variant=minbase "$1" "$2" ${mirror:+"$mirror"} ||
        fail "debootstrap could not make $1: is there a network? See $log"
}

# Write the certificates that this machine trusts to the file $1, if it has them in one.
copy_certificates() {
    rm -f "$1"
    bundle=${PIP_CERT:-${SSL_CERT_FILE:-${REQUESTS_CA_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}}}
    [ ! -e "$bundle" ] || cp -L "$bundle" "$1"
}

# Print apt's settings for a root where certificates lie in $1; "" if there are none.
apt_settings() {
    apt-config dump | grep -E '^Acquire::(http|https|Check-)' || true
    [ -z "$1" ] || echo "Acquire::https::CAInfo \"$1\";"
}

# Print pip's settings in the file $1, if there is one, but where certificates lie.
pip_settings() {
    [ ! -e "$1" ] || sed "/^ *cert *=/d" "$1"
}
