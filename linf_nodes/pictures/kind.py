"""Which model a kind of picture is for, where nobody chose one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

AUTO = "auto"  # the name that stands for the choice
PHOTO, MICROSCOPY = "photo", "microscopy"


def is_photo(dtype: np.dtype[Any], colour: bool) -> bool:
    """Whether pixels are 8-bit colour, as photographs and stained slides are.

    All else (grey, channels, more than 8 bits) is taken for measurements, to which no detail may be added unasked.
    """
    return colour and np.dtype(dtype) == np.uint8


def chosen(values: Mapping[str, Any], photo: bool) -> dict[str, str]:
    """Model and detail in place of a model left to itself (`auto`): `photo` with its own detail, or else `microscopy`.

    `microscopy` is faithful, unless detail was asked for by a latent, a prior or a temperature. A model that somebody
    chose stays as it is, and so does its detail.

    Parameters
    ----------
    values
        Inputs of Load LINF Model and of Upscale by their names; what is missing is `auto`.

    Returns
    -------
    changes
        `model`, and `latent` where that changes.
    """
    if values.get("model", AUTO) != AUTO:
        return {}
    if photo:
        return {"model": PHOTO}
    open_ = all(values.get(name, AUTO) == AUTO for name in ("latent", "prior")) and values.get("auto_temperature", True)
    return {"model": MICROSCOPY} | ({"latent": "faithful"} if open_ else {})
