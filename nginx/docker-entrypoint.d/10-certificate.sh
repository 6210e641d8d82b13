#!/bin/sh
# Checks the TLS certificate before nginx starts, and makes a self-signed one if there is none: a
# browser gives its microphone to https only. The official image runs it from /docker-entrypoint.d,
# and ../entrypoint.sh runs it as well.
#
# NGINX_CERTIFICATE, NGINX_CERTIFICATE_KEY: PEM files. If neither exists, both are made.
# NGINX_CERTIFICATE_NAMES: the names and addresses of a self-signed one, written as ALLOWED_HOSTS.
set -eu

certificate="${NGINX_CERTIFICATE:-/etc/nginx/tls/server.crt}"
key="${NGINX_CERTIFICATE_KEY:-/etc/nginx/tls/server.key}"
names="${NGINX_CERTIFICATE_NAMES:-localhost}"
issuer="Kaiwa self-signed"
days=365
renew_s=2592000

stop() {
    echo "nginx cannot start. $1" >&2
    exit 1
}

public_key_of() {
    case "$1" in
    certificate) openssl x509 -noout -pubkey -in "$certificate" 2> /dev/null ;;
    key) openssl pkey -pubout -in "$key" 2> /dev/null ;;
    esac
}

subject_alternative_names() {
    alternatives="DNS:localhost,IP:127.0.0.1"
    # Word splitting is meant; a `*` alone is every host and no name.
    set -f
    for name in $(echo "$names" | tr ',' ' '); do
        case "$name" in
        "*" | localhost | 127.0.0.1) ;;
        .*) alternatives="$alternatives,DNS:${name#.},DNS:*$name" ;;
        \[*\]) name="${name#\[}" && alternatives="$alternatives,IP:${name%\]}" ;;
        *[!0-9.]*) alternatives="$alternatives,DNS:$name" ;;
        *) alternatives="$alternatives,IP:$name" ;;
        esac
    done
    echo "$alternatives"
}

make_certificate() {
    umask 077
    mkdir -p "$(dirname "$certificate")" "$(dirname "$key")" 2> /dev/null || true
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days "$days" \
        -subj "/O=$issuer" -addext "subjectAltName=$(subject_alternative_names)" \
        -keyout "$key.new" -out "$certificate.new" 2> /dev/null ||
        stop "NGINX_CERTIFICATE: no self-signed certificate could be made at $certificate. Make the folder writable for $(id -un 2> /dev/null || id -u), correct NGINX_CERTIFICATE_NAMES, or mount a certificate and its key."
    mv "$key.new" "$key"
    mv "$certificate.new" "$certificate"
    echo "Made a self-signed certificate for $(subject_alternative_names), valid for $days days: $certificate"
}

is_ours_and_old() {
    openssl x509 -noout -issuer -in "$certificate" 2> /dev/null | grep -q "$issuer" &&
        ! openssl x509 -noout -checkend "$renew_s" -in "$certificate" > /dev/null
}

command -v openssl > /dev/null || stop "There is no openssl in this image: use one that has it."

if [ ! -e "$certificate" ] && [ ! -e "$key" ]; then
    make_certificate
elif [ -e "$certificate" ] && [ -e "$key" ] && is_ours_and_old; then
    make_certificate
fi

[ -r "$certificate" ] || stop "NGINX_CERTIFICATE: $certificate is missing or cannot be read. Mount the certificate with its chain there, readable for $(id -un 2> /dev/null || id -u)."
[ -r "$key" ] || stop "NGINX_CERTIFICATE_KEY: $key is missing or cannot be read. Mount the certificate's key there, readable for $(id -un 2> /dev/null || id -u)."
[ -n "$(public_key_of certificate)" ] || stop "NGINX_CERTIFICATE: $certificate is not a certificate in PEM form."
[ -n "$(public_key_of key)" ] || stop "NGINX_CERTIFICATE_KEY: $key is not a key in PEM form without a passphrase."
[ "$(public_key_of certificate)" = "$(public_key_of key)" ] || stop "NGINX_CERTIFICATE_KEY: $key is not the key of $certificate."
openssl x509 -noout -checkend 0 -in "$certificate" > /dev/null ||
    echo "The certificate $certificate has expired: browsers will refuse the site." >&2
