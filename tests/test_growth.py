"""A grown network begins as the smaller one, and learns with all it has."""

from typing import Any

import pytest
import torch

from linf_nodes.errors import BadValue
from linf_nodes.models.checkpoint import Weights
from linf_nodes.models.linf import LINF
from linf_nodes.models.registry import build_network
from linf_nodes.models.spec import Spec
from linf_nodes.training.batch import Sampler
from linf_nodes.training.grid_batch import grid_batch
from linf_nodes.training.growth import grow
from linf_nodes.training.loss import mean_picture, texture_terms
from linf_nodes.training.picture_set import PictureSet
from linf_nodes.training.recipe import Recipe
from linf_nodes.training.scales import Scales
from linf_nodes.training.task import make_task

from .models import picture

CPU = torch.device("cpu")


def spec(blocks: int = 2, channels: int = 6, name: str = "edsr-baseline", scale: float = 1.0, **changes: Any) -> Spec:
    sizes = {"n_resblocks": blocks, "n_feats": channels, "res_scale": scale}
    encoder = {"name": name, "args": sizes if name == "edsr-baseline" else {"nf": 8, "nb": 1, "gc": 4}}
    args = {"patch_size": 3, "flow_layers": 2, "num_layer": 2, "hidden_dim": 16, "encoder_spec": encoder}
    return Spec("linf-patch", {**args, **changes})


def net(**sizes: Any) -> LINF:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(len(sizes))
        made = build_network(spec(**sizes))
    assert isinstance(made, LINF)
    return made


def mean(model: LINF) -> torch.Tensor:
    with torch.no_grad():
        return mean_picture(model.eval(), grid_batch(picture(24, 24), picture(9, 9), 3), None)


@pytest.mark.parametrize("sizes", [{"blocks": 5}, {"channels": 10}, {"blocks": 3, "channels": 12}, {}], ids=str)
def test_a_grown_network_is_the_smaller_function(sizes: dict[str, int]) -> None:
    small, large = net(), net(**sizes)
    wanted = mean(small)
    if sizes:
        assert float((mean(large) - wanted).abs().max()) > 0.01
    large.train()
    grow(large, small)
    torch.testing.assert_close(mean(large), wanted, atol=1e-5, rtol=0)


def test_every_new_weight_learns() -> None:
    large = net(blocks=4, channels=9)
    grow(large, net())
    pixels = (picture(60, 60)[0] * 255).to(torch.uint8)
    batch = Sampler(PictureSet((pixels,), ()), 1, 2, 12, 40, 3, Scales((1.0, 3.0)))
    optimizer = torch.optim.Adam(large.parameters(), 1e-3)
    before = {name: value.detach().clone() for name, value in large.named_parameters()}
    for step in range(3):  # an added block's first convolution waits for its second, which begins at zero
        terms = texture_terms(large, batch(step), None)
        (terms["l1"] + 1e-3 * terms["nll"]).backward()
        if step == 0:
            reading_new = large.coef.weight.grad
            assert reading_new is not None
            assert bool((reading_new[:, 6:].abs().amax((0, 2, 3)) > 0).all())
        optimizer.step()
        optimizer.zero_grad()
    still = [n for n, v in large.named_parameters() if v.requires_grad and torch.equal(before[n], v)]
    assert not still
    moved = large.get_parameter("encoder.body.1.body.2.weight") - before["encoder.body.1.body.2.weight"]
    assert bool((moved[:, 6:].abs().amax((0, 2, 3)) > 0).all())
    assert bool((moved[6:].abs().amax((1, 2, 3)) > 0).all())


@pytest.mark.parametrize(
    ("large", "said"),
    [
        ({"blocks": 1}, r"body\.\d"),
        ({"channels": 5}, r"only the encoder's blocks and channels"),
        ({"hidden_dim": 32}, r"\[16.*\[32"),
        ({"flow_layers": 3}, r"imnet\.linears\.2|layers\."),
        ({"num_layer": 3}, r"layers\."),
        ({"scale": 0.5}, "res_scale is 0.5, but 1 "),
        ({"name": "rrdb"}, "RRDB cannot grow"),
    ],
    ids=str,
)
def test_what_cannot_grow_says_so(large: dict[str, Any], said: str) -> None:
    with pytest.raises(BadValue, match=said):
        grow(net(**large), net())


def test_a_recipe_grows_the_weights_it_starts_from() -> None:
    start = net()
    init = Weights(spec(), dict(start.state_dict()), None, {})
    asked = Recipe(("data",), "out", model=spec(blocks=3, channels=8).entry(), grow=True)
    task = make_task(asked, CPU, init)
    assert task.spec == spec(blocks=3, channels=8)
    assert isinstance(task.net, LINF)
    torch.testing.assert_close(mean(task.net), mean(start), atol=1e-5, rtol=0)
    with pytest.raises(BadValue, match="grow = true"):
        make_task(Recipe(("data",), "out", model=asked.model), CPU, init)
