"""Five densely connected convolutions: the block that RRDB (Wang et al. 2018) and the latent priors share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2
BAND_BYTES = 8e6  # of the widest map: inference on a CPU works in bands of rows, and does not hold every map whole


class DenseBlock(nn.Module):
    """Convolve 3x3 five times, each time over everything computed so far: b c_in h w -> b c_out h w.

    A LeakyReLU follows the first four; the fifth is linear. There is no residual here.
    """

    reach = 5

    def __init__(self, c_in: int, growth: int, c_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, growth, 3, padding=1)
        self.conv2 = nn.Conv2d(c_in + growth, growth, 3, padding=1)
        self.conv3 = nn.Conv2d(c_in + 2 * growth, growth, 3, padding=1)
        self.conv4 = nn.Conv2d(c_in + 3 * growth, growth, 3, padding=1)
        self.conv5 = nn.Conv2d(c_in + 4 * growth, c_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        widest = self.conv5.in_channels * x.shape[0] * x.shape[-1] * x.element_size()  # bytes of a row
        band = max(4 * self.reach, int(BAND_BYTES / widest))
        if torch.is_grad_enabled() or x.device.type != "cpu" or x.shape[-2] <= band:
            return self._dense(x)
        return torch.cat([self._band(x, top, top + band) for top in range(0, x.shape[-2], band)], dim=-2)

    def _band(self, x: Tensor, top: int, bottom: int) -> Tensor:
        above = min(top, self.reach)
        y = self._dense(x[..., top - above : bottom + self.reach, :])
        return y[..., above : above + bottom - top, :]

    def _dense(self, x: Tensor) -> Tensor:
        maps = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            maps = torch.cat((maps, F.leaky_relu(conv(maps), SLOPE, inplace=True)), dim=1)
        y: Tensor = self.conv5(maps)
        return y
