"""What a run's averaged network makes of four fixed crops, as one PNG: LR picture, result and original in a row."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ..atomic import atomic_write
from .grid_batch import GridBatch, GridSampler
from .picture_set import PictureSet
from .recipe import Recipe
from .scales import Scales
from .task import Task

CROPS = 4
GAP = 4  # pixels of white between pictures


def fixed_crops(recipe: Recipe, task: Task, pack: PictureSet) -> GridBatch | None:
    """The same crops at every preview of every run, at the largest scale; None when the pictures are too small."""
    side = min(task.min_side, *(min(p.shape[1:]) for p in pack.pictures))
    size = side // task.patch * task.patch
    top = recipe.scales[1]
    return GridSampler(pack, 0, CROPS, size, task.patch, Scales((top, top)), asked=task.asked)(0) if size else None


@torch.no_grad()
def write_preview(path: Path, task: Task, net: nn.Module, batch: GridBatch) -> None:
    """Draw `batch` with `net`, and write the PNG whole or not at all.

    Raises
    ------
    BadValue
        When the folder cannot be written to.
    """
    net.eval()  # also forgets the inverses of earlier weights
    seen = task.picture(net, batch)
    near = F.interpolate(batch.lr, size=batch.hr.shape[-2:], mode="nearest-exact")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        Image.fromarray(sheet((near, seen, batch.hr))).save(temporary, "PNG")


def sheet(columns: tuple[Tensor, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """One row of pictures for each item of `columns`, each `[b, 3, n, n]` in [0, 1]: uint8 `[h, w, 3]`."""
    both = torch.stack(columns, 1).float().clamp(0, 1).mul(255).round().to("cpu", torch.uint8)
    framed = F.pad(both, (0, GAP, 0, GAP), value=255)
    wide = framed.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)  # [b * (n + gap), columns * (n + gap), 3]
    return wide[:-GAP, :-GAP].contiguous().numpy()
