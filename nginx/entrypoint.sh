#!/bin/sh
# Starts nginx: sets the defaults, checks or makes the certificate, renders the templates, runs nginx.
#
# It does what the official image's entry point does with the same files, and needs nothing but a
# shell, awk, openssl and nginx, so that an image made from a distribution's package will do as well.
# `make stack` runs it too, with folders and ports of its own.
set -eu

# Folders: the configuration (nginx.conf, templates/, conf.d/), and all that nginx writes.
export NGINX_CONF_DIR="${NGINX_CONF_DIR:-/etc/nginx}"
export NGINX_RUN_DIR="${NGINX_RUN_DIR:-/tmp}"
# What the template needs; README.md says what each means.
export NGINX_HTTP_LISTEN="${NGINX_HTTP_LISTEN:-8080}"
export NGINX_HTTPS_LISTEN="${NGINX_HTTPS_LISTEN:-8443}"
export NGINX_PUBLIC_HTTPS_PORT="${NGINX_PUBLIC_HTTPS_PORT:-443}"
export NGINX_CERTIFICATE="${NGINX_CERTIFICATE:-/etc/nginx/tls/server.crt}"
export NGINX_CERTIFICATE_KEY="${NGINX_CERTIFICATE_KEY:-/etc/nginx/tls/server.key}"
export NGINX_WEB="${NGINX_WEB:-web:8000}"
export NGINX_CALLS="${NGINX_CALLS:-$NGINX_WEB}"
export NGINX_RESOLVER="${NGINX_RESOLVER:-127.0.0.11}"

# As envsubst with the list of defined variables: ${NAME} of an undefined one stays as it is.
render() {
    awk '{
        rest = $0; line = ""
        while (match(rest, /\$\{[A-Za-z_][A-Za-z0-9_]*\}/)) {
            name = substr(rest, RSTART + 2, RLENGTH - 3)
            line = line substr(rest, 1, RSTART - 1)
            line = line ((name in ENVIRON) ? ENVIRON[name] : substr(rest, RSTART, RLENGTH))
            rest = substr(rest, RSTART + RLENGTH)
        }
        print line rest
    }' "$1"
}

sh "$NGINX_CONF_DIR/docker-entrypoint.d/10-certificate.sh"

mkdir -p "$NGINX_CONF_DIR/conf.d"
for template in "$NGINX_CONF_DIR"/templates/*.template; do
    file="$(basename "$template" .template)"
    render "$template" > "$NGINX_CONF_DIR/conf.d/$file"
done

command="nginx -c $NGINX_CONF_DIR/nginx.conf"
directives="daemon off; pid $NGINX_RUN_DIR/nginx.pid;"
# Once and with its reason, instead of in the lines of a restart loop.
problems="$($command -t -q -g "$directives" 2>&1)" || {
    echo "nginx cannot start. Its configuration is not right: $problems" >&2
    exit 1
}
exec $command -g "$directives"
