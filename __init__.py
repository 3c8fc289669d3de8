"""A clone in ComfyUI's custom_nodes/ is loaded from here; everything else imports `linf_nodes`."""

import sys

WEB_DIRECTORY = "./web"

__all__ = ["WEB_DIRECTORY"]

if "folder_paths" in sys.modules:  # pytest imports this file too, since tests/ lies below it, without ComfyUI
    from .linf_nodes.hosts.comfyui.extension import comfy_entrypoint as comfy_entrypoint

    __all__ += ["comfy_entrypoint"]
