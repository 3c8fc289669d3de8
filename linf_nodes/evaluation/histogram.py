"""Counts of positive numbers in fine logarithmic bins: quantiles of any number of pixels in constant memory."""

import math

import torch
from torch import Tensor

_BINS, _REACH = 1 << 14, 14.0  # bins 0.17 % wide from e^-14 to e^14
_STEP = 2 * _REACH / _BINS


class Histogram:
    """How often values were seen. What lies outside e^-14 .. e^14 counts at the ends, what is no number at the top."""

    def __init__(self, counts: Tensor | None = None):
        self._counts = torch.zeros(_BINS, dtype=torch.int64) if counts is None else counts

    @property
    def total(self) -> int:
        return int(self._counts.sum())

    def add(self, values: Tensor) -> None:
        """Count values of any shape, none negative."""
        at = ((values.cpu().double().log() + _REACH) / _STEP).nan_to_num(nan=_BINS, neginf=0).clamp(0, _BINS - 1)
        self._counts += torch.bincount(at.long().flatten(), minlength=_BINS)

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self._counts + other._counts)

    def share_below(self, value: float) -> float:
        """Share of the values up to `value`, interpolated within a bin; NaN when there are none."""
        if not self.total:
            return math.nan
        place = min(max((math.log(value) + _REACH) / _STEP, 0), _BINS)
        whole = int(place)
        part = float(self._counts[whole]) * (place - whole) if whole < _BINS else 0.0
        return (float(self._counts[:whole].sum()) + part) / self.total

    def quantile(self, share: float) -> float:
        """The value that a share of the values lie below, interpolated within a bin; NaN when there are none."""
        if not self.total:
            return math.nan
        wanted = share * self.total
        sums = self._counts.cumsum(0)
        at = min(int(torch.searchsorted(sums, wanted)), _BINS - 1)
        count = int(self._counts[at])
        part = (wanted - float(sums[at] - count)) / count if count else 0.0
        return math.exp((at + part) * _STEP - _REACH)
