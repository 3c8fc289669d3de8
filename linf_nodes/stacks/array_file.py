"""A .npy file as an array."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import BadPicture
from .axes import Array
from .file_stamp import FileStamp, check_stamp, steadily


@dataclass(frozen=True)
class ArrayFile:
    """A .npy file as an array, sent to other processes by its path: numpy would send the numbers."""

    path: str
    file: FileStamp
    shape: tuple[int, ...]
    dtype: "np.dtype[np.generic]"

    @classmethod
    def of(cls, path: Path) -> "ArrayFile":
        """Raises `BadPicture` when it cannot be read."""
        stamp = FileStamp.of(path)
        if stamp is None:
            raise BadPicture(f"there is no file '{path}'; check the path")
        try:
            array = _mapped(str(path), stamp)
        except (OSError, ValueError, EOFError) as error:
            raise BadPicture(f"'{path}' cannot be read as a .npy file ({error}): write it again.") from error
        return cls(str(path), stamp, array.shape, array.dtype)

    def __getitem__(self, index: tuple[int | slice, ...]) -> Array:
        """A window; raises `SourceLost` when the file is gone, or is another one than when it was opened."""
        return steadily(self.path, lambda: self._read(index))

    def stamped(self, index: tuple[int | slice, ...]) -> tuple[Array, str]:
        """A window and its stamp, both of one moment."""
        return self[index], self.stamp(index)

    def stamp(self, index: tuple[int | slice, ...]) -> str:
        """A short name of the file: it changes when it is written again."""
        return str(list(self.file))

    def _read(self, index: tuple[int | slice, ...]) -> Array:
        check_stamp(self.path, self.file)
        samples = np.array(_mapped(self.path, self.file)[index])
        check_stamp(self.path, self.file)
        return samples


@lru_cache(4)
def _mapped(path: str, stamp: FileStamp) -> Array:
    """A .npy file as it was at the time `stamp`."""
    mapped: Array = np.load(path, mmap_mode="r")
    return mapped
