"""The recipe that made a picture, as text that any of the formats can carry."""

import json
from collections.abc import Mapping
from typing import Any

from ..errors import BadValue

KEY = "linf"
"""The PNG text key, and the JSON key that tells our EXIF comment from anybody else's."""

_ASCII = b"ASCII\0\0\0"  # EXIF's character code for UserComment


def recipe_text(recipe: Mapping[str, object]) -> str:
    """The recipe as ASCII JSON; raises `BadValue` for what JSON cannot hold."""
    try:
        return json.dumps(dict(recipe), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadValue(f"the recipe cannot be stored as JSON: {error}; use numbers, text, lists and dicts") from error


def parse_recipe(text: str) -> dict[str, Any] | None:
    """The recipe in `text`, or None where it is not one."""
    try:
        recipe = json.loads(text)
    except ValueError:
        return None
    return recipe if isinstance(recipe, dict) else None


def pack_comment(recipe: Mapping[str, object], old: bytes | None) -> bytes:
    """An EXIF UserComment that holds the recipe, and the comment it takes the place of."""
    body: dict[str, object] = {KEY: json.loads(recipe_text(recipe))}
    if old:
        body["comment"] = old.hex()
    return _ASCII + json.dumps(body).encode()


def unpack_comment(comment: object) -> tuple[dict[str, Any], bytes | None] | None:
    """The recipe and the older comment in an EXIF UserComment; None for a comment that is not ours."""
    if not isinstance(comment, bytes) or not comment.startswith(_ASCII):
        return None
    body = parse_recipe(comment[len(_ASCII) :].rstrip(b"\0").decode("latin-1"))
    if body is None or not isinstance(body.get(KEY), dict):
        return None
    try:
        old = bytes.fromhex(str(body.get("comment", "")))
    except ValueError:
        old = b""
    return body[KEY], old or None
