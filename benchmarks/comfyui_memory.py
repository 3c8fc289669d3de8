"""Memory that the one-click node holds inside a running ComfyUI, beyond its input.

    COMFYUI_PATH=... [COMFYUI_PYTHON=...] python benchmarks/comfyui_memory.py [--side 2048] [--scale 2] [--model photo]

The limit is 1.2 times the output's bytes, plus one window. The window is what one tile, with what it sees
around it, needs beyond its own output, measured in the same server. Linux only.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from linf_nodes import load_model  # noqa: E402
from tests.comfyui_memory import output, peak, window  # noqa: E402
from tests.comfyui_server import CHECKOUT, Server, as_clone  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description="Memory of the one-click node inside ComfyUI.")
    parser.add_argument("--side", type=int, default=2048, help="of the input in pixels")
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("--model", default="photo")
    args = parser.parse_args()
    if not CHECKOUT:
        print("COMFYUI_PATH names no checkout of ComfyUI: nothing measured")
        return 0
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), as_clone) as server:
        peak(server, 64, args.scale, args.model)  # what is loaded once
        tile = window(server, args.scale, args.model, load_model(args.model).halo)
        found = peak(server, args.side, args.scale, args.model)
    result = output(args.side, args.scale)
    limit = 1.2 * result + tile
    print(f"output {result:.0f} MB, window {tile:.0f} MB, limit {limit:.0f} MB; held beyond the input {found:.0f} MB")
    return 0 if found <= limit else 1


if __name__ == "__main__":
    sys.exit(main())
