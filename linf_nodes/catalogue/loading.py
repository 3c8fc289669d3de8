"""Models: loaded once, listed, released."""

from typing import Annotated

from ..memory import memory_text
from ..pipeline.device import DTYPES, resolve_device, resolve_dtype
from ..pipeline.store import STORE, available_models
from .node import node
from .types import Model


def _models() -> list[str]:
    return list(available_models())


@node("Load LINF Model", ("linf_model",), aliases=("checkpoint", "weights"))
def load_model(
    model: Annotated[str, {"choices": _models}] = "photo",
    prior: str = "auto",
    device: str = "auto",
    precision: Annotated[str, {"choices": ("auto", *DTYPES)}] = "auto",
) -> Model:
    """Load a model once, however many nodes ask for it.

    Parameters
    ----------
    model
        Name of a bundled model or of a file in the models folder; outside ComfyUI, whose files have names, also a path.
    prior
        auto: the model's own learned prior; none; or another model's or file's name, like that of the model.
    device
        auto, cpu, cuda, cuda:1 or mps.
    precision
        Of the encoder and the MLP; the flow always computes in float32. auto: half precision on a GPU only.
    """
    place = resolve_device(device)
    return STORE.get(model, prior, place, resolve_dtype(precision, place))


@node("Model Cache", ("report",), aliases=("memory", "unload"))
def model_cache(release: bool = False) -> str:
    """Say which models are loaded and how many bytes they hold.

    Parameters
    ----------
    release
        Forget them all first.
    """
    freed = STORE.release() if release else 0
    lines = [f"{m.name} {m.hash} on {m.device} in {m.dtype}: {memory_text(m.nbytes)}" for m in STORE.held()]
    head = [f"released {memory_text(freed)}"] if release else []
    return "\n".join(head + (lines or ["no model is loaded"]))
