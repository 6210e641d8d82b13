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
lacks nginx && [ ! -x /usr/sbin/nginx ] && packages="$packages nginx-light"
lacks envsubst && packages="$packages gettext-base"
lacks curl && packages="$packages curl"
lacks openssl && packages="$packages openssl"
lacks redis-server && packages="$packages redis-server"
# Firefox and WebKit, and the sound server through which they speak and hear.
lacks firefox-esr && packages="$packages firefox-esr"
lacks WebKitWebDriver && packages="$packages webkit2gtk-driver gstreamer1.0-plugins-good gstreamer1.0-pulseaudio"
lacks Xvfb && packages="$packages xvfb"
lacks pulseaudio && packages="$packages pulseaudio"
lacks parec && packages="$packages pulseaudio-utils"
fc-list :lang=ja 2> /dev/null | grep -q . || packages="$packages fontconfig fonts-noto-cjk"

[ -z "$packages" ] && exit 0
echo "Installing$packages"
if [ "$(id -u)" = 0 ]; then sudo=""; else sudo="sudo"; fi
command -v apt-get > /dev/null 2>&1 || { echo "Please install:$packages"; exit 1; }
export DEBIAN_FRONTEND=noninteractive
# The tests start servers of their own, so the packages' services are not started.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$sudo rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" > /dev/null
    $sudo chmod 755 "$policy"
fi
# shellcheck disable=SC2086
{ $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends $packages; } > /dev/null
