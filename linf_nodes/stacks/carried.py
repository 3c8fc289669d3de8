"""Label images beside an image, enlarged together with it."""

from pathlib import Path

from ..errors import LinfError
from . import location
from .labels import label_volume
from .ome_zarr import write_ome_zarr
from .stack_file import Stack, open_stack
from .volume import Volume


def carry_labels(stack: Stack, volume: Volume, target: Path, ignore_space: bool = False) -> list[str]:
    """Write the label images of a stack beside its finished result; returns a sentence for each that could not be."""
    notes: list[str] = []
    if not stack.beside:
        return notes
    carried: list[str] = []
    group = location.zarr_package().open_group(str(target / "labels"), mode="a", zarr_format=3)
    for path in stack.beside:
        name = path.rsplit("/labels/", 1)[-1]
        try:
            labels = open_stack(path)
            whole = labels.axes.lr_size(labels.source.shape)
            ratios = zip(whole, volume.size, volume.axes.lr_size(volume.source.shape), strict=True)
            height, width = (max(n, round(n * hr / lr)) for n, hr, lr in ratios)
            larger = label_volume(labels.source, labels.axes, (height, width), labels.label)
            write_ome_zarr(larger, target / "labels" / name, labels.coordinates, ignore_space=ignore_space)
        except LinfError as error:
            notes.append(f"the labels '{name}' were not carried along: {error}")
        else:
            carried.append(name)
    group.attrs["ome"] = {"version": "0.5", "labels": carried}
    return notes
