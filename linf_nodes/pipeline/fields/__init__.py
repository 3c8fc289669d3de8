"""What each family answers for a window of the output, and what a model is asked for."""

from collections.abc import Mapping
from typing import TypeVar

from ...errors import BadValue
from ...models.clit import CLIT
from ...models.contract import Network
from ...models.linf import LINF
from ..model import LoadedModel
from .affine import AffineField
from .cascade import CascadeField
from .field import HALF, Draws, Field, Gaussian
from .local import LocalField

__all__ = ["HALF", "Draws", "Field", "Gaussian", "can", "field_class", "field_of", "narrowed", "require"]

Kind = TypeVar("Kind", bound=Field)

_FIELDS: Mapping[type[Network], type[Field]] = {
    LINF: AffineField,
    CLIT: CascadeField,
    Network: LocalField,
}  # the first that fits


def field_class(model: LoadedModel) -> type[Field]:
    """The field of a model's pictures."""
    return field_of(type(model.network))


def field_of(network: type[Network]) -> type[Field]:
    """The field of a kind of network."""
    return next(field for kind, field in _FIELDS.items() if issubclass(network, kind))


def can(model: LoadedModel, capability: type[Field]) -> bool:
    """Whether a model's field is of a kind."""
    return issubclass(field_class(model), capability)


def narrowed(field: Field, capability: type[Kind], what: str = "this latent") -> Kind:
    """The field as one of a kind; raises as `require` does where it is none."""
    require(field.model, capability, what)
    assert isinstance(field, capability)
    return field


def require(model: LoadedModel, capability: type[Field], what: str) -> None:
    """Refuse a model that cannot do what is asked.

    Parameters
    ----------
    what
        Names it: the node, say.

    Raises
    ------
    BadValue
    """
    if not can(model, capability):
        raise BadValue(
            f"The model {model.name!r} is of the family {model.network.family}, which {field_class(model).does}, but "
            f"{what} needs one that {capability.does}: load a LINF, such as photo."
        )
