"""One brightness scale for a whole volume: measured samples seldom use the range of their type."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOW, HIGH = 0.1, 99.9  # percentiles of the volume that become 0 and 1: a hot pixel must not darken the rest


def stretched(volume: NDArray[Any]) -> NDArray[np.uint16]:
    """A volume of any shape and any real type in 16 bits, its 0.1 and 99.9 percentiles at the ends."""
    values = volume.astype(np.float32)
    low, high = (float(v) for v in np.percentile(values, (LOW, HIGH)))
    values -= np.float32(low)
    values *= np.float32(65535 / max(high - low, 1e-12))
    return values.clip(0, 65535).round().astype(np.uint16)
