"""Noise is standard normal and depends on where it is, on nothing else."""

import numpy as np
import torch
from scipy import stats

from linf_nodes.pipeline.noise import normal


def test_a_crop_has_the_noise_of_the_whole() -> None:
    whole = normal(7, 2, range(30), range(40), 27)
    part = normal(7, 2, range(5, 12), range(17, 40), 27)
    assert torch.equal(part, whole[5:12, 17:40])


def test_the_values_are_frozen() -> None:
    """Saved seeds must mean the same for ever."""
    z = normal(1, 0, range(2), range(2), 3)
    expected = np.array(FROZEN, np.float32).reshape(2, 2, 3)
    np.testing.assert_allclose(z.numpy(), expected, rtol=1e-6)


def test_seed_frame_row_column_and_component_all_matter() -> None:
    z = [normal(s, f, range(8), range(8), 4) for s, f in ((1, 0), (2, 0), (1, 1), (2**64 - 1, 0))]
    flat = torch.cat([t.flatten() for t in z])
    assert len(flat.unique()) == len(flat)


def test_it_is_standard_normal_and_uncorrelated() -> None:
    z = normal(3, 0, range(60), range(60), 27).numpy()
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    assert abs(z.mean()) < 0.01
    correlation = np.corrcoef(z.reshape(-1, 27).T) - np.eye(27)
    assert np.abs(correlation).max() < 0.08
    neighbours = np.corrcoef(z[:, 1:].ravel(), z[:, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.02


FROZEN = [
    -0.9334477,
    1.6573842,
    -1.4963096,
    -1.3043067,
    0.462011,
    -0.8662475,
    -0.3438444,
    0.1873526,
    0.8576627,
    1.4848928,
    0.5170944,
    0.4473996,
]
