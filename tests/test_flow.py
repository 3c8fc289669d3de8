"""The flow is affine, invertible, and its closed form agrees with it."""

import pytest
import torch
from torch import Tensor

from linf_nodes.errors import UnsupportedWeights
from linf_nodes.models.checkpoint import build, read_weights
from linf_nodes.models.flow import AffineFlow, Condition, Linear
from linf_nodes.models.linf import LINF
from linf_nodes.pipeline.cells import corners_of_rectangle
from linf_nodes.pipeline.grid import Grid
from linf_nodes.pipeline.store import available_models

DIM, LAYERS, QUERIES = 12, 5, 40


@pytest.fixture(name="flow")
def make_flow() -> AffineFlow:
    torch.manual_seed(2)
    flow = AffineFlow(DIM, LAYERS).double()
    for p in flow.parameters():
        p.data.add_(0.1 * torch.randn_like(p))
    return flow.requires_grad_(False).train(False)


@pytest.fixture(name="cond")
def make_condition(flow: AffineFlow) -> Condition:
    return flow.condition(torch.randn(QUERIES, LAYERS * 2 * DIM, dtype=torch.float64))


def vectors() -> Tensor:
    return torch.randn(QUERIES, DIM, dtype=torch.float64)


def test_inverse_of_forward_is_identity_in_float64(flow: AffineFlow, cond: Condition) -> None:
    x = vectors()
    z, _ = flow(x, cond)
    assert (flow.inverse(z, cond) - x).abs().max() < 1e-10


def test_log_determinant_is_that_of_the_jacobian(flow: AffineFlow, cond: Condition) -> None:
    one = Condition(cond.scale[:1], cond.shift[:1])
    x = torch.randn(1, DIM, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: flow(v, one)[0], x)[0, :, 0]
    logdet = flow(x, one)[1]
    assert torch.linalg.slogdet(jacobian).logabsdet == pytest.approx(float(logdet), abs=1e-10)
    back = torch.autograd.functional.jacobian(lambda v: flow.inverse(v, one), x)[0, :, 0]
    assert float(torch.linalg.slogdet(back).logabsdet + logdet) == pytest.approx(0, abs=1e-10)


def test_density_is_the_gaussian_of_the_closed_form(flow: AffineFlow, cond: Condition) -> None:
    x, mean, factor = vectors(), flow.mean(cond), flow.covariance_factor(cond)
    exact = torch.distributions.MultivariateNormal(mean, covariance_matrix=factor @ factor.mT)
    torch.testing.assert_close(flow.log_prob(x, cond), exact.log_prob(x), rtol=1e-9, atol=1e-9)


def test_sampling_agrees_with_mean_plus_detail(flow: AffineFlow, cond: Condition) -> None:
    z = vectors()
    torch.testing.assert_close(flow.inverse(z, cond), flow.mean(cond) + flow.detail(z, cond), rtol=0, atol=1e-12)


def test_the_flow_is_affine_in_its_input(flow: AffineFlow, cond: Condition) -> None:
    a, b = vectors(), vectors()
    middle = flow((a + b) / 2, cond)[0]
    torch.testing.assert_close(middle, (flow(a, cond)[0] + flow(b, cond)[0]) / 2, rtol=0, atol=1e-10)


def test_products_with_the_factor_its_inverse_and_their_transposes(flow: AffineFlow, cond: Condition) -> None:
    v, factor = vectors(), flow.covariance_factor(cond)
    inverse = torch.linalg.inv(factor)

    def times(matrix: Tensor) -> Tensor:
        return (matrix @ v.unsqueeze(-1)).squeeze(-1)

    for ours, exact in (
        (flow.detail(v, cond), times(factor)),
        (flow.detail_t(v, cond), times(factor.mT)),
        (flow.whiten(v, cond), times(inverse)),
        (flow.whiten_t(v, cond), times(inverse.mT)),
    ):
        torch.testing.assert_close(ours, exact, rtol=1e-9, atol=1e-9)


def test_training_mode_and_new_weights_drop_the_cached_inverse(flow: AffineFlow, cond: Condition) -> None:
    z = vectors()
    with torch.no_grad():
        first = flow.inverse(z, cond)
        state = {k: v + 0.1 * torch.eye(DIM) if v.ndim == 2 else v for k, v in flow.state_dict().items()}
        flow.load_state_dict(state)
        second = flow.inverse(z, cond)
        assert not torch.allclose(first, second)
        flow.train()
        flow.last._weight.add_(0.1)
        flow.train(False)
        assert (flow(flow.inverse(z, cond), cond)[0] - z).abs().max() < 1e-10


def test_a_singular_matrix_is_refused(flow: AffineFlow, cond: Condition) -> None:
    first = flow.linears[0]
    assert isinstance(first, Linear)
    first._weight.zero_()
    with pytest.raises(UnsupportedWeights, match="no inverse"):
        flow.inverse(vectors(), cond)


def test_trained_weights_invert_in_float64() -> None:
    """On the bundled model, with the conditions of a real crop's worth of random features."""
    models = available_models()
    if "photo" not in models:
        pytest.skip("the bundled weights are not there")
    linf, _ = build(read_weights(models["photo"]))
    linf = linf.double().requires_grad_(False).train(False)
    assert isinstance(linf, LINF)
    picture = torch.rand(1, 3, 24, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    fields = linf.cells(linf.encode(2 * picture - 1))
    grid = Grid((24, 24), (70, 61), linf.patch_size)
    corners = corners_of_rectangle(grid.centres(0, 0, grid.patches[0]), grid.centres(1, 0, grid.patches[1]), 24)
    wide = type(corners)(*(t.double() if t.is_floating_point() else t for t in corners))
    phase = linf.phases(torch.tensor([grid.rel_cell], dtype=torch.float64))
    cond = linf.imnet.condition(linf.at(fields, phase, wide))
    x = 0.2 * torch.randn(len(cond.scale), linf.dim, dtype=torch.float64)
    z, _ = linf.imnet(x, cond)
    assert (linf.imnet.inverse(z, cond) - x).abs().max() < 1e-10
    assert (linf.imnet.mean(cond) + linf.imnet.detail(z, cond) - x).abs().max() < 1e-10
