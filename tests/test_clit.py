"""LIT and CLIT: the published pictures, and the cascade beyond x4."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from linf_nodes.errors import UnsupportedWeights
from linf_nodes.evaluation.vectors import Case
from linf_nodes.models.clit import CLIT
from linf_nodes.models.registry import build_network
from linf_nodes.models.spec import Spec
from linf_nodes.pipeline.cells import corners_of_rectangle
from linf_nodes.pipeline.features import SEAMLESS, Features
from linf_nodes.pipeline.fields.cascade import CascadeField
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.latent import NoLatent
from linf_nodes.pipeline.model import LoadedModel, prepare
from linf_nodes.pipeline.render import Amount
from linf_nodes.pipeline.upscale import upscale

from .models import EDSR, NETWORKS, enlarge, picture

CPU = torch.device("cpu")
VECTORS = sorted((Path(__file__).parent / "vectors").glob("*clit*.safetensors"))


def cascade(branches: int = 2) -> LoadedModel:
    torch.manual_seed(3)
    network = build_network(Spec("clit", {"encoder_spec": EDSR, **NETWORKS["clit"], "imnet_num": branches}))
    return LoadedModel(*prepare(network, None, CPU, torch.float32), "cascade", "0", CPU, torch.float32)


def tied(cells: int, pixels: int) -> torch.Tensor:
    """Which pixels of an axis lie half-way between two cells: the published code leaves their side to rounding."""
    return torch.tensor([(Fraction(2 * i + 1, 2) * cells / pixels).denominator == 1 for i in range(pixels)])


@pytest.mark.parametrize("path", VECTORS, ids=lambda p: p.stem)
def test_the_product_gives_the_published_picture(path: Path) -> None:
    case = Case.read(path)
    model = LoadedModel(*prepare(case.network(), None, CPU, torch.float32), "t", "0", CPU, torch.float32)
    image, size = case.tensors["in.lr01"], case.size("hr_hw")
    found, reference = enlarge(model, image, size), case.tensors["out.sr"] * 0.5 + 0.5
    worst = (found - reference).abs()[0].amax(0) / case.tensors["out.sr"].abs().max()
    field = CascadeField(model, image[0], Grid((image.shape[2], image.shape[3]), size, 1))
    ties = [torch.stack([tied(s[axis], size[axis]) for s in field.sizes]).any(0) for axis in (0, 1)]
    sound = worst[~ties[0]][:, ~ties[1]]
    assert sound.numel() > 0.3 * worst.numel()
    assert sound.max() < 2e-5  # the waves reach 7000 radians, of which float32 coordinates leave 1e-3


@pytest.mark.parametrize("size", [(65, 60), (110, 95), (26, 24), (240, 250)], ids=str)
def test_tiles_of_the_cascade_change_nothing(size: tuple[int, int]) -> None:
    model, image = cascade(), picture(13, 12)
    whole = enlarge(model, image, size)
    assert (enlarge(model, image, size, 5) - whole).abs().max() <= 3e-6
    first = cascade(1)  # its branch is the cascade's first
    first.network.load_state_dict({k: model.network.state_dict()[k] for k in first.network.state_dict()})
    one = enlarge(first, image, size)
    assert ((whole - one).abs().max() > 1e-4) == (max(size[0] / 13, size[1] / 12) > 4)


def test_seamless_edges_hold_in_the_cascade() -> None:
    model, image = cascade(), picture(9, 9)
    found = upscale(Features(model, image, edges=SEAMLESS), NoLatent(Grid((9, 9), (54, 54), 1), "0"), Amount(0.0))
    grid = Grid((27, 27), (162, 162), 1)
    middle = upscale(Features(model, image.repeat(1, 1, 3, 3)), NoLatent(grid, "0"), Amount(0.0))
    assert (found - middle[..., 54:108, 54:108]).abs().max() <= 3e-6


@pytest.mark.parametrize(
    ("branches", "scale", "sizes"),
    [
        (1, 2, [1]),
        (2, 4, [1]),
        (2, 6, [1, 4]),
        (2, 16, [1, 4]),
        (3, 18, [1, 4, 16]),
        (2, 30, [1, 4]),
        (1, 30, [1]),
    ],
)
def test_as_many_branches_as_the_scale_asks_for_and_the_model_has(branches: int, scale: int, sizes: list[int]) -> None:
    field = CascadeField(cascade(branches), picture(5, 6)[0], Grid((5, 6), (5 * scale, 6 * scale), 1))
    assert field.sizes == [(5 * s, 6 * s) for s in sizes]


def test_full_size_parameter_counts_are_the_published_ones() -> None:
    for branches, count in ((1, 6_549_091), (2, 11_729_510)):
        with torch.device("meta"):
            network = build_network(Spec("clit", {"encoder_spec": {"name": "edsr-baseline"}, "imnet_num": branches}))
        assert sum(p.numel() for p in network.parameters()) == count


def test_attention_is_a_share_of_the_cells_around() -> None:
    network = cascade(1).network
    assert isinstance(network, CLIT)
    field = CascadeField(cascade(1), picture(8, 8)[0], Grid((8, 8), (16, 16), 1))
    assert field.network.around == 2
    with torch.inference_mode():
        cells = network.cells(network.encode(2 * picture(8, 8) - 1))
        centres = Grid((8, 8), (16, 16), 1).centres(0, 0, 16)
        asked, near = network.geometry(cells, corners_of_rectangle(centres, centres, 8), (8, 8))
        values, attention = network.attended(cells, asked, near, (8, 8))
    assert values.shape == (256, 25, 8)
    torch.testing.assert_close(attention.sum(1), torch.ones(256, 2))


def test_heads_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(UnsupportedWeights, match="head = 3"):
        build_network(Spec("clit", {"encoder_spec": EDSR, "base_dim": 8, "head": 3}))
