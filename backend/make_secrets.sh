#!/bin/sh
# Makes the secret files of docker-compose.yml that are missing, and never changes one that exists.
#
#   sh backend/make_secrets.sh [FOLDER]        (make secrets; the folder is secrets/)
#
# Compose mounts a secret file as it is: its owner and mode on the host count, and `uid`, `gid` and
# `mode` in the compose file are ignored (docker/compose#9648). The containers run as users that the
# host does not have (10001, 999), so a file of mode 0600 could not be read in them. The folder keeps
# others out instead: it is 0700, and only Docker, which runs as root, looks past it. The files in it
# are 0644.
set -eu
folder=${1:-secrets}
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

# 48 hexadecimal digits: 192 random bits, without a character that a URL or a file would change.
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# A file gets its name when it is complete, so that a full disk leaves no half secret.
make_file() {
    if [ -e "$folder/$1" ]; then
        echo "kept     $folder/$1"
        return
    fi
    printf '%s\n' "$2" > "$folder/.$1.new"
    chmod 644 "$folder/.$1.new"
    mv "$folder/.$1.new" "$folder/$1"
    echo "created  $folder/$1"
}

password_of() { cat "$folder/$1"; }

if [ -e "$folder/database_url.txt" ] && [ ! -e "$folder/postgres_password.txt" ]; then
    echo "$folder/postgres_password.txt is missing. Write into it the password that" \
        "$folder/database_url.txt has." >&2
    exit 1
fi

make_file secret_key.txt "$(random)$(random)"
make_file postgres_password.txt "$(random)"
make_file database_url.txt "postgres://kaiwa:$(password_of postgres_password.txt)@postgres:5432/kaiwa"
make_file redis_url.txt "redis://:$(random)@redis:6379/0"
redis_password=$(sed 's|^redis://:\(.*\)@.*$|\1|' "$folder/redis_url.txt")
make_file redis.conf "requirepass $redis_password"
make_file admin_password.txt "$(random)"
make_file openai_api_key.txt "${OPENAI_API_KEY:-}"
make_file azure_openai_api_key.txt "${AZURE_OPENAI_API_KEY:-}"
make_file upstream_proxy.txt "${UPSTREAM_PROXY:-}"

if [ -z "$(password_of openai_api_key.txt)$(password_of azure_openai_api_key.txt)" ]; then
    echo "Now write the provider's key into $folder/openai_api_key.txt. (The demo needs none.)"
fi
