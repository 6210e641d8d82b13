#!/bin/sh
# Installs the programs that the tests use and the machine lacks. Debian and Ubuntu; as root or with sudo.
set -eu

packages=""
lacks() { ! command -v "$1" > /dev/null 2>&1; }

lacks node && packages="$packages nodejs"
lacks npm && packages="$packages npm"
lacks chromium && packages="$packages chromium"
lacks setpriv && packages="$packages util-linux"
ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || packages="$packages postgresql"
lacks redis-server && packages="$packages redis-server"
fc-list :lang=ja 2> /dev/null | grep -q . || packages="$packages fontconfig fonts-noto-cjk"

[ -z "$packages" ] && exit 0
echo "Installing$packages"
if [ "$(id -u)" = 0 ]; then sudo=""; else sudo="sudo"; fi
command -v apt-get > /dev/null 2>&1 || { echo "Please install:$packages"; exit 1; }
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
{ $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends $packages; } > /dev/null
