"""Weights drawn from a seed, so that reference vectors need not carry theirs (weight recipe v1).

Every tensor has its own generator, seeded with the case's seed and the CRC-32 of the tensor's name.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedWeights

Shape = tuple[int, ...]
Array = NDArray[np.float64]


def draw_state_dict(
    manifest: Mapping[str, Sequence[Any]], seed: int, gains: Sequence[tuple[str, float]]
) -> dict[str, NDArray[np.float32]]:
    """Draw every entry of a state dict that is not constant.

    Parameters
    ----------
    manifest
        Name -> (shape, dtype) or (shape, dtype, CRC-32 in hexadecimal).
    gains
        Pairs of a regular expression and a factor; the first that is found in a name applies, else 1.

    Raises
    ------
    UnsupportedWeights
        A drawn tensor does not have the CRC-32 that the manifest states.
    """
    drawn = {}
    for name, (shape, dtype, *crc) in manifest.items():
        if is_constant(name, dtype):
            continue
        gain = next((g for pattern, g in gains if re.search(pattern, name)), 1.0)
        drawn[name] = _draw(name, tuple(shape), seed, gain).astype(np.float32)
        found = f"{zlib.crc32(drawn[name].tobytes()):08x}"
        if crc and found != crc[0]:
            raise UnsupportedWeights(f"'{name}' drawn from seed {seed} has CRC {found}, not {crc[0]}; check the gains.")
    return drawn


def is_constant(name: str, dtype: str) -> bool:
    """Whether the network's constructor fixes this entry: integer buffers, attention masks, EDSR's mean shifts."""
    return (
        not dtype.removeprefix("torch.").startswith("float")
        or name.endswith("attn_mask")
        or re.search(r"(sub|add)_mean\.", name) is not None
    )


def _draw(name: str, shape: Shape, seed: int, gain: float) -> Array:
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "_weight" or name.endswith("invconv.weight"):
        return _flow_matrix(rng, shape[0], gain)
    if leaf == "running_var":
        return rng.uniform(0.5, 1.5, shape)
    if leaf == "weight" and len(shape) == 1:
        return rng.uniform(0.7, 1.3, shape)
    normal = rng.standard_normal(shape)
    if leaf == "weight":
        normal = gain * normal / np.sqrt(float(np.prod(shape[1:])))
    elif leaf == "logs":
        normal = 0.1 * normal + (gain - 1.0)
    elif leaf == "relative_position_bias_table":
        normal = 0.3 * normal
    else:
        normal = (0.05 if leaf == "bias" and "actnorm" not in name else 0.1) * normal
    return normal


def _flow_matrix(rng: np.random.Generator, n: int, gain: float) -> Array:
    """A well-conditioned square matrix: identity plus noise, rows permuted."""
    noise = rng.standard_normal((n, n))
    order = rng.permutation(n)
    matrix: Array = (np.eye(n) + 0.35 * gain * noise / np.sqrt(n))[order]
    return matrix
