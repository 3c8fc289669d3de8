"""What ComfyUI's Save Image puts into a PNG: the prompt that ran, and the workflow as the canvas shows it."""

import json
from collections.abc import Mapping
from typing import Any


def embedded(prompt: Mapping[str, Any] | None, extra: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Pairs of (key, text) in the core's own words; none where ComfyUI was started with `--disable-metadata`."""
    from comfy.cli_args import args

    if args.disable_metadata:
        return []
    found = {} if prompt is None else {"prompt": prompt}
    return [(name, json.dumps(value)) for name, value in {**found, **(extra or {})}.items()]
