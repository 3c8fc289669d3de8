"""What networks promise to those who run them."""

from torch import Tensor, nn


class Encoder(nn.Module):
    """LR pictures `[b, 3, h, w]` in [-1, 1] to features `[b, out_dim, h, w]`.

    Attributes
    ----------
    out_dim
        Channels of the features.
    receptive_field
        LR pixels to each side that a feature depends on at most.
    halo
        LR pixels around a window that it is given: `receptive_field`, or less where a measurement says that no output
        moves by more than 1/512 (docs/tiling.md).
    align
        Windows start at multiples of it, and end there or at the picture's edge.
    copies
        Feature maps that it holds at its widest, in units of its output: a peak measured on a CPU.
    """

    out_dim: int
    receptive_field: int
    halo: int
    align: int = 1
    copies: int

    def padded(self, x: Tensor) -> Tensor:
        """The picture as the network takes it: the bottom and the right may be filled up."""
        return x
