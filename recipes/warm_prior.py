"""A LINF with the learned prior of another: a place for the prior to go on from, centred.

    python recipes/warm_prior.py LINF.safetensors WITH_PRIOR.safetensors OUT.safetensors

Their latents mean nearly the same where one LINF's flow began with the other's.
"""

import sys
from dataclasses import replace
from pathlib import Path

from linf_nodes.models.checkpoint import build, read_weights, write_weights
from linf_nodes.models.spec import Spec


def main(linf: Path, learned: Path, out: Path) -> None:
    weights, other = read_weights(linf), read_weights(learned)
    if other.prior is None:
        raise SystemExit(f"'{learned}' holds no learned prior")
    prior = Spec(other.prior.name, {**other.prior.args, "centred": True})
    both = replace(weights, prior=prior, prior_state=other.prior_state)
    build(both)  # they fit
    write_weights(out, both)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
