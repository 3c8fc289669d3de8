"""What decides the pixels of a result, beside its size."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from ..pipeline.detail import Detail
from ..pipeline.device import resolve_device, resolve_dtype
from ..pipeline.model import LoadedModel
from . import NODES
from .amount import detail_of
from .loading import load_model


@dataclass(frozen=True)
class Settings:
    """Everything that decides the pixels beside the size: inputs of Load LINF Model and of Upscale, under their names.

    Raises
    ------
    BadValue
        When a value lies outside its node's range.
    """

    model: str = "photo"
    prior: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    latent: str = "auto"
    temperature: float = 0.5
    auto_temperature: bool = True
    strength: float = 1.0
    seed: int = 0
    tile: int = 0
    passes: int = 1

    def __post_init__(self) -> None:
        inputs = {i.name: i for n in ("LINFLoadModel", "LINFUpscale") for i in NODES[n].inputs}
        for name, value in asdict(self).items():
            object.__setattr__(self, name, inputs[name].checked(value))

    @property
    def detail(self) -> Detail:
        """Which detail is added, and how much of it."""
        return detail_of(self.latent, self.temperature, self.auto_temperature, self.strength)

    def settled(self) -> "Settings":
        """The same with what this machine makes of the precision `auto`, and with whole paths."""
        dtype = resolve_dtype(self.precision, resolve_device(self.device))
        model, prior = (str(Path(n).absolute()) if Path(n).is_file() else n for n in (self.model, self.prior))
        return replace(self, precision=str(dtype).removeprefix("torch."), model=model, prior=prior)

    def load(self) -> LoadedModel:
        """The model, from this process's store."""
        model: LoadedModel = load_model(self.model, self.prior, self.device, self.precision)
        return model


class Output(StrEnum):
    """What is computed: the mean, a sample (with the temperature or strength that is set), the standard deviation."""

    MEAN = "mean"
    SAMPLE = "sample"
    DEVIATION = "deviation"
