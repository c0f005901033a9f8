#!/usr/bin/env bash
# Peers with their weights, and other versions of onnxruntime, nothing outside DIR: benchmarks/peers/setup.sh DIR [VERSION...]
# Needs pip; espeak-ng, the floor, comes from the system's packages. 0.2 GB, and 0.1 GB a version.
set -euo pipefail
dir=$(realpath -m "$1")
shift
mkdir -p "$dir"
get() { python3 -m pip install -q --disable-pip-version-check --no-deps --no-compile --upgrade --target "$@"; }
get "$dir/hibari" hibari-tts==0.2.1
for version in "${@:-1.18.1 1.23.2}"; do
    for one in $version; do
        get "$dir/onnxruntime-$one" "onnxruntime==$one"
        # Releases before 1.19 were built for numpy 1.
        case $one in 1.18.*) get "$dir/onnxruntime-$one" "numpy==1.26.4" ;; esac
    done
done
