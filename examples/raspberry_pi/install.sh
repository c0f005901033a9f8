#!/bin/sh
# Installs or updates Parrotlet as a service, from a checkout: sudo examples/raspberry_pi/install.sh RECORDING...
# With recordings it enrolls them as "me" under a new key; without, or when "me" is there, profiles stay as they are.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "install.sh: run it with sudo" >&2; exit 2; }
python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "install.sh: apt install python3-venv" >&2; exit 2; }
python3 -m venv /opt/parrotlet
/opt/parrotlet/bin/pip install -q "$here/../..[serve]" "$here/../../runtimes/tflite"
install -d -m 700 /etc/parrotlet
# systemd gives this folder to the service's user: it is not to be made anew.
[ -e /var/lib/parrotlet ] || install -d -m 700 /var/lib/parrotlet
parrotlet="/opt/parrotlet/bin/parrotlet --store /var/lib/parrotlet/profiles --key-file /etc/parrotlet/voice.key"
if [ "$#" -gt 0 ] && ! $parrotlet show me >/dev/null 2>&1; then
    $parrotlet enroll "$@" --name me
fi
[ -e /etc/parrotlet/voice.key ] || [ -e /etc/parrotlet/voice.cred ] || { echo "install.sh: nobody is enrolled: give a recording of 10 s" >&2; exit 2; }
install -m 644 "$here/parrotlet.service" /etc/systemd/system/
systemctl daemon-reload
systemctl enable parrotlet
systemctl restart parrotlet
echo "It speaks: curl http://127.0.0.1:8765/v1/audio/voices"
