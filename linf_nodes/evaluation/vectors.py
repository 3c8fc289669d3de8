"""Reference vectors: files of a published network's weights, inputs and outputs, and our network on their grid."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..errors import UnsupportedWeights
from ..models.contract import Network
from ..models.corners import Corners
from ..models.registry import build_network, build_prior
from ..models.spec import Spec
from .drawn_weights import draw_state_dict
from .official import official_base, official_corners, official_edges, pad_symmetric

QUERIES = 4096


@dataclass(frozen=True)
class Case:
    """One reference file: its tensors and its metadata; networks are built in `dtype`."""

    tensors: Mapping[str, Tensor]
    meta: Mapping[str, str]
    dtype: torch.dtype = torch.float32

    @classmethod
    def read(cls, path: Path) -> "Case":
        try:
            with safe_open(path, "pt") as file:
                return cls({k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {})  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise UnsupportedWeights(f"The reference file {path.name} cannot be read: {error}.") from error

    def get(self, name: str) -> Tensor:
        """A stored tensor in the case's precision."""
        return self.tensors[name].to(self.dtype)

    def size(self, key: str) -> tuple[int, int]:
        h, w = json.loads(self.meta[key])
        return h, w

    def network(self) -> Network:
        net = build_network(self._spec("model"))
        self._load(net, "sd.", int(self.meta["seed"]), "gains")
        return net

    def prior(self) -> nn.Module:
        net = build_prior(self._spec("prior_model"))
        seed = int(self.meta.get("prior_seed", int(self.meta["seed"]) + 5000))
        self._load(net, "prior_sd.", seed, "prior_gains")
        return net

    def _spec(self, key: str) -> Spec:
        return Spec.of(json.loads(self.meta[key]))

    def _load(self, net: nn.Module, prefix: str, seed: int, gains: str) -> None:
        """Give `net` the stored weights, or those that the case's recipe draws."""
        stored = {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}
        if not stored:
            manifest = json.loads(self.meta["sd_manifest"])[prefix]
            drawn = draw_state_dict(manifest, seed, json.loads(self.meta.get(gains, "[]")))
            stored = {**net.state_dict(), **{k: torch.from_numpy(v) for k, v in drawn.items()}}
        net.load_state_dict(stored)
        net.requires_grad_(False).train(False).to(self.dtype)


class Drive:
    """A network on the published grid of one case, which is float32 whatever the network computes in."""

    def __init__(self, case: Case):
        self.case, self.net = case, case.network()
        tensors = case.tensors
        self.window = int(case.meta.get("window", 0))
        lr = case.get("in.lr")
        self.picture = pad_symmetric(lr, self.window) if self.window else lr
        self.coord = tensors["in.coord"].reshape(-1, 2)
        self.map_size = self._map_size(tensors["in.coord"])
        features = self.net.encode(self.net.encoder.padded(self.picture))
        size = (features.shape[-2], features.shape[-1])
        cell = tensors.get("in.cell_eff", tensors.get("in.cell"))
        if cell is None:
            raise UnsupportedWeights("It holds no cell size.")
        cell = cell.reshape(-1, 2)
        find = official_corners if self.net.asked == "around" else lambda c, n: official_edges(c, cell, n)
        corners = find(self.coord, size)
        corners = Corners(corners.cell, *(t.to(case.dtype) for t in corners[1:]))
        phase = self.net.phases((cell * torch.tensor(size, dtype=torch.float32)).to(case.dtype))
        cells = self.net.cells(features)
        parts = [slice(i, i + QUERIES) for i in range(0, len(self.coord), QUERIES)]
        self.answers = torch.cat(
            [self.net.at(cells, phase if len(phase) == 1 else phase[p], corners.rows(p), None, size) for p in parts]
        )

    def flat(self, latent_map: Tensor) -> Tensor:
        """`[1, d, qh, qw]` to `[q, d]`."""
        return latent_map[0].flatten(1).T

    def map(self, rows: Tensor) -> Tensor:
        """`[q, d]` to `[1, d, qh, qw]`."""
        return rows.T.reshape(1, -1, *self.map_size)

    def raw(self, texture: Tensor) -> Tensor:
        """Folded texture before crop and base; a pixel-wise network adds its base itself."""
        if self.net.patch_size == 1:
            return self.map(texture + self.base() if self.net.over_bilinear else texture)
        patch = self.net.patch_size
        return nn.functional.pixel_shuffle(self.map(texture), patch)

    def base(self) -> Tensor:
        """The bilinear enlargement at the queries, `[q, 3]`."""
        return official_base(self.picture, self.coord)

    def picture_of(self, texture: Tensor) -> Tensor:
        """The final picture, un-clamped, in [-1, 1]."""
        h, w = self.case.size("hr_hw")
        cut = self.raw(texture)[:, :, :h, :w]
        if self.net.patch_size == 1:
            return cut
        base = nn.functional.interpolate(self.case.get("in.lr"), (h, w), mode="bilinear", align_corners=False)
        return cut + base

    def _map_size(self, coord: Tensor) -> tuple[int, int]:
        """Rows and columns of the queries, which some families store in a row."""
        if coord.ndim == 4:
            return coord.shape[1], coord.shape[2]
        if not self.window:
            return self.case.size("hr_hw")
        scale = round(float(self.case.meta["scale"]))
        return self.picture.shape[-2] * scale, self.picture.shape[-1] * scale
