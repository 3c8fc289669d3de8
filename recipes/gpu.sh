#!/usr/bin/env bash
# Trains on a rented GPU, in calls of a few minutes: everything that goes on between two calls fits into files of 15 MiB.
#
#   here    recipes/gpu.sh pack PICTURES MIB [HR_PICTURES] [FILE...]
#           part of a folder of pictures (its manifest with it), pictures to measure on, and files that the recipe needs,
#           as weights to begin with, into runs/gpu/: carry that folder to the machine with the repository
#   there   recipes/gpu.sh train RECIPE.toml MINUTES PAUSE [OPTIONS of linf train]
#           the run has MINUTES in all, this call PAUSE of them; the same command again goes on, and so does another
#           machine to which runs/gpu/ came with the files state.* of the call before in it
#
# A call ends with the averaged weights in half precision, the model's figures, and state.* in $OUT (runs/gpu/out).
# The machine needs Python with torch, numpy, Pillow >= 11.3, safetensors and scikit-image, and no network.
#   PYTHON=python3  SCALES="2 3 4"  LICENCE="CC BY-SA 4.0"  DEVICE=auto
set -euo pipefail
cd "$(dirname "$0")/.."
place=runs/gpu
out=${OUT:-$place/out}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"

python() { "${PYTHON:-python3}" "$@"; }

pack() {
    local pictures=$1 mib=$2 measured=${3:-}
    rm -rf "$place" && mkdir -p "$place/files"
    python recipes/part.py "$pictures" "$place/data" "$mib"
    [ -z "$measured" ] || cp -R --no-preserve=mode "$measured" "$place/hr"
    [ "$#" -lt 4 ] || cp --no-preserve=mode "${@:4}" "$place/files"
    # `linf evaluate` reads pictures by tifffile, which is Python alone and may be missing there
    python -c 'import pathlib, shutil, sys, tifffile
shutil.copytree(pathlib.Path(tifffile.__file__).parent, sys.argv[1], ignore=shutil.ignore_patterns("__pycache__"))' "$place/site/tifffile"
    du -sh "$place"
}

train() {
    local recipe=$1 minutes=$2 pause=$3 init=()
    [ -z "$(find "$place/data" "$place/hr" -iname '*.avif' 2>/dev/null)" ] || python -c 'from PIL import features
if not features.check("avif"): raise SystemExit("Pillow here reads no AVIF: pack pictures of another kind")'
    mkdir -p "$out"
    if [ ! -e "$place/run/state.pt" ] && [ -e "$place/state.sha256" ]; then
        (cd "$place" && sha256sum --quiet -c state.sha256 && cat state.part.* | tar -xf -)
    fi
    python -m linf_nodes train "$recipe" --data "$place/data" --out "$place/run" --device "${DEVICE:-auto}" \
        --minutes "$minutes" --pause "$pause" --resume --export "$out/model.safetensors" \
        ${LICENCE:+--licence "$LICENCE"} "${@:4}"
    rm -f "$out"/state.*
    tar -C "$place" -cf - run | split -b 15m - "$out/state.part."
    (cd "$out" && sha256sum state.part.* >state.sha256)
    measure | tee "$out/figures.txt"
    ls -l "$out"
}

measure() {
    python -c 'import tifffile' 2>/dev/null || export PYTHONPATH="$PYTHONPATH:$PWD/$place/site"
    python -m linf_nodes info "$out/model.safetensors"
    [ -d "$place/hr" ] || return 0
    local lpips
    lpips=$(ls "$place"/files/lpips_*.safetensors 2>/dev/null | head -1 || true)
    for scale in ${SCALES:-2 3 4}; do
        echo "x$scale"
        python -m linf_nodes evaluate --model "$out/model.safetensors" --hr "$place/hr" --scale "$scale" \
            --device "${DEVICE:-auto}" --dtype float32 ${lpips:+--lpips "$lpips"}
    done
}

if [ "${1:-}" = pack ] && [ "$#" -ge 3 ]; then
    pack "${@:2}"
elif [ "${1:-}" = train ] && [ "$#" -ge 4 ]; then
    train "${@:2}"
else
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
