"""ComfyUI: the catalogue as V3 nodes. `pack` is what ComfyUI loads; the rest imports nothing of ComfyUI at its top."""
