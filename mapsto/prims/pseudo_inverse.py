"""The pseudoinverse of Moore and Penrose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import Spec
from mapsto.ir.graph import Var
from mapsto.ir.primitive import Case, prim
from mapsto.prims.elementwise import add
from mapsto.prims.factor import spread_out
from mapsto.prims.kinds import case, operands
from mapsto.prims.matrices import Numbers, OfMatrices, by_lapack, check_matrices, iterated
from mapsto.prims.precision import widened
from mapsto.prims.rules import less, product, turned


@prim
class PseudoInverse(OfMatrices):
    """x[…, m, n], rtol[…] ↦ y[…, n, m] with x·y·x = x; singular values up to rtol times the largest count as 0.

    dy = -y dx y + y·yᵀ dxᵀ (1 - x·y) + (1 - y·x) dxᵀ yᵀ·y where the rank stays the same (Golub and Pereyra, The
    differentiation of pseudo-inverses, SIAM J. Numer. Anal. 10, 1973, eq. 4.12). Constant in rtol.
    """

    arity: ClassVar[int | None] = 2
    times: ClassVar[int] = 14

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        x, rtol = inputs
        check_matrices(self.name, x)
        rows = operands(inputs, ("x", "rtol"))
        if x.dtype != rtol.dtype:
            raise DTypeError("DTYPE-03", function=self.name, operands=rows, fix="cast one of them")
        if x.shape[:-2] != rtol.shape:
            raise ShapeError("SHAPE-02", function=self.name, operands=rows, fix="give one rtol for each matrix")
        return (Spec(x.dtype, (*x.shape[:-2], x.shape[-1], x.shape[-2])),)

    def eval(self, *inputs: Any) -> Any:
        x, rtol = inputs
        return by_lapack(lambda finite: inverted(finite, widened(rtol)), x)[0]

    def differential(self, outputs: Sequence[Var], inputs: Sequence[Var], tangent: Var) -> list[Var | None]:
        (y,), x, moved = outputs, inputs[0], turned(tangent)
        inside = product(y, product(tangent, y))
        left = product(product(y, turned(y)), less(moved, product(product(moved, x), y)))
        right = product(less(moved, product(y, product(x, moved))), product(turned(y), y))
        return [less(add(left, right), inside)]

    @classmethod
    def cases(cls) -> list[Case]:
        def fitted(x: Numbers, rtol: Numbers) -> tuple[Numbers, ...]:
            return *spread_out(x), 0.01 + 0 * rtol

        lost = [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]
        return [
            case(cls(), "f64[3,2]", "f64[]", fitted=fitted),
            case(cls(), "f64[2,2,3]", "f64[2]", fitted=fitted),
            case(cls(), "f32[3,3]", "f32[]", fitted=fitted),
            case(cls(), "f32[3,2]", "f32[]", special=(lost, 0.001)),
            case(cls(), "f32[2,1,2]", "f32[2]", special=([[[math.nan, 1.0]], [[3.0, 4.0]]], [0.1, 0.1])),
            case(cls(), "f32[0,3]", "f32[]", fitted=fitted),
            case(cls(), "f32[0,2,2]", "f32[0]"),
        ]


def inverted(x: Numbers, rtol: Numbers) -> tuple[Numbers, ...]:
    """The pseudoinverses of finite matrices."""
    u, s, vt = iterated(lambda one: tuple(np.linalg.svd(one, full_matrices=False)), x)
    large = s > rtol[..., None] * s.max(-1, keepdims=True, initial=0)
    inverse = np.where(large, 1 / np.where(large, s, 1), 0).astype(s.dtype)
    return (np.matmul(np.swapaxes(vt, -1, -2) * inverse[..., None, :], np.swapaxes(u, -1, -2)),)
