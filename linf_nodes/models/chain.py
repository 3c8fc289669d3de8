"""Chains of affine layers with a backward pass by hand: what training spends most of its small kernels on."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class AffineChain(torch.autograd.Function):
    """c chains at once, each `h -> (M_i h) * factor_i + term_i`, then `M_n h` without either: `[c, q, d]`.

    `h [c, q, d]` is where they begin, `matrices [n + 1, c, d, d]`, `factors` and `terms [n, c, q, d]`. Forward takes
    two kernels a layer, backward four, whatever c. There is no second derivative.
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, matrices: Tensor, factors: Tensor, terms: Tensor) -> Tensor:
        starts, products = [h], []
        for matrix, factor, term in zip(matrices, factors, terms, strict=False):
            products.append(torch.bmm(starts[-1], matrix.mT))
            starts.append(torch.addcmul(term, products[-1], factor))
        ctx.save_for_backward(matrices, factors, *starts, *products)
        return torch.bmm(starts[-1], matrices[-1].mT)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        matrices, factors, *saved = ctx.saved_tensors
        n = len(factors)
        starts, products = saved[: n + 1], saved[n + 1 :]
        by_matrix, by_factor = torch.empty_like(matrices), products[0].new_empty(n, *products[0].shape)
        by_term = torch.empty_like(by_factor)
        for i in reversed(range(n)):
            torch.bmm(grad.mT, starts[i + 1], out=by_matrix[i + 1])
            after = torch.bmm(grad, matrices[i + 1], out=by_term[i])
            torch.mul(after, products[i], out=by_factor[i])
            grad = after * factors[i]
        torch.bmm(grad.mT, starts[0], out=by_matrix[0])
        first = torch.bmm(grad, matrices[0]) if ctx.needs_input_grad[0] else None
        return first, by_matrix, by_factor, by_term


class Inverse(torch.autograd.Function):
    """Inverses of `matrices [n, d, d]`, and the sum of their log |det|, whose derivative the inverses are."""

    @staticmethod
    def forward(ctx: Any, matrices: Tensor) -> tuple[Tensor, Tensor]:
        inverses = torch.linalg.inv(matrices)
        ctx.save_for_backward(inverses)
        return inverses, torch.linalg.slogdet(matrices).logabsdet.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_inverse: Tensor, by_logdet: Tensor) -> Tensor:
        turned = ctx.saved_tensors[0].mT
        return torch.baddbmm(by_logdet * turned, turned, torch.bmm(by_inverse, turned), alpha=-1)
