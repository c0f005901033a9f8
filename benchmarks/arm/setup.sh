#!/usr/bin/env bash
# An aarch64 Debian 12 with Python 3.11 and our dependencies, an emulator that counts, and nothing outside DIR:
# benchmarks/arm/setup.sh DIR. Needs apt, gcc and pip, no root rights; 0.5 GB.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
dir=$(realpath -m "$1")
mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/debs"
cd "$dir"

# A package database of its own, so that apt does not ask for the foreign architecture system-wide.
: > apt/status
cat > apt/conf <<CONF
Dir::State "$dir/apt"; Dir::State::lists "$dir/apt/lists"; Dir::State::status "$dir/apt/status";
Dir::Cache "$dir/apt/cache"; Dir::Etc::main "/dev/null"; Dir::Etc::parts "/dev/null";
APT::Architecture "arm64"; APT::Architectures {"arm64"; "amd64";};
APT::Sandbox::User ""; APT::Install-Recommends "false"; Acquire::Languages "none"; Debug::NoLocking "true";
CONF
export APT_CONFIG=$dir/apt/conf
apt-get -qq update
apt-get -qq -y --download-only install python3.11 libstdc++6 libgomp1 > /dev/null
mkdir -p root/usr/{bin,sbin,lib} root/proc unpacked
for name in bin sbin lib; do ln -sfn "usr/$name" "root/$name"; done
for deb in apt/cache/archives/*.deb; do dpkg -x "$deb" unpacked; done
cp -a unpacked/usr/. root/usr/
cp -a unpacked/lib/. root/usr/lib/
rm -rf unpacked

# The emulator of Debian 12 is the one that takes plugins: static builds do not, later ones number their interface anew.
(cd debs && apt-get -qq download qemu-user:amd64=1:7.2* libcapstone4:amd64 liburing2:amd64)
for deb in debs/*.deb; do dpkg -x "$deb" qemu; done
gcc -O2 -shared -fPIC -fvisibility=hidden -o count.so "$here/count.c"

platforms=$(printf -- "--platform %s_aarch64 " manylinux_2_28 manylinux_2_27 manylinux_2_26 manylinux2014 manylinux_2_17)
# shellcheck disable=SC2086
python3 -m pip install -q --disable-pip-version-check --no-warn-conflicts --no-compile --upgrade --target site \
    --only-binary=:all: --implementation cp --python-version 3.11 $platforms \
    numpy onnxruntime ai-edge-litert pycryptodome soundfile soxr platformdirs
