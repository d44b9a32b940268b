"""The error function: near 0 an odd polynomial, farther out 1 - e^-E with a polynomial for E = -log(1 - erf)."""

from __future__ import annotations

from mapsto.compiler.vector_math.coefficients import ERF_FAR_F32, ERF_FAR_F64, ERF_NEAR_F32, ERF_NEAR_F64
from mapsto.compiler.vector_math.exponential import falling_exp
from mapsto.compiler.vector_math.number import Number, polynomial

SPLIT = {"f32": 1.0, "f64": 1.25}
ERF_IS_ONE = {"f32": 3.95, "f64": 5.95}
NEAR = {"f32": ERF_NEAR_F32, "f64": ERF_NEAR_F64}
FAR = {"f32": ERF_FAR_F32, "f64": ERF_FAR_F64}


def erf(x: Number) -> Number:
    """2/√π ∫₀ˣ e^-t² dt."""
    dtype = x.dtype
    size = abs(x).at_most(ERF_IS_ONE[dtype])
    near = size.times_plus(polynomial(size * size, NEAR[dtype]), size)
    far = 1.0 - falling_exp(-polynomial(size - SPLIT[dtype], FAR[dtype]))
    return (size < SPLIT[dtype]).choose(near, far).signed_as(x)
