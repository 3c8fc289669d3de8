"""A sentence for the user: in ComfyUI's log and on the node that is running."""

import logging
import sys


def say(text: str) -> None:
    """Warn in the log; on the node too where this version of ComfyUI can show text."""
    logging.warning("LINF: %s", text)
    from comfy_execution.utils import get_executing_context

    program = sys.modules.get("server")  # there is none where nodes are run without their server
    context, here = get_executing_context(), getattr(getattr(program, "PromptServer", None), "instance", None)
    if context is not None and here is not None and hasattr(here, "send_progress_text"):
        here.send_progress_text(text, context.node_id)
