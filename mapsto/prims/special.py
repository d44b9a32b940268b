"""Element by element: the error function and its inverse, which the normal distribution and GELU are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.ir.formula import Formula
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.compare import Less, select
from mapsto.prims.elementary import Abs, Exp
from mapsto.prims.elementwise import Unary, constant_like, mul, neg
from mapsto.prims.kinds import Vocabulary, case
from mapsto.prims.power import IntegerPow

Numbers = np.ndarray[Any, Any]
SLOPE = 2 / math.sqrt(math.pi)  # of erf at 0

# Coefficients from the highest power down. erf: W. J. Cody, "Rational Chebyshev approximations for the error function",
# Math. Comp. 23 (1969), tables II and III. Up to 0.46875 erf x = x·P(x²)/Q(x²), beyond it erf x = 1 - e^-x²·P(x)/Q(x).
ERF_BELOW = 0.46875
ERF_SMALL = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
ERF_LARGE = (
    (
        *(2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1),
        *(2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3),
        1.23033935479799725e3,
    ),
    (
        *(1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3),
        *(3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
    ),
)
ERF_IS_ONE = 6.0  # 1 - erf 6 = 2e-17

# The normal quantile Φ⁻¹(p): M. J. Wichura, "Algorithm AS 241", Applied Statistics 37 (1988), PPND16. With q = p - ½:
# q·P/Q(0.425² - q²) where |q| ≤ 0.425; beyond it P/Q(r - 1.6) up to r = 5 and P/Q(r - 5) above, r² = -log min(p, 1-p).
CENTRE = 0.425
QUANTILE_CENTRE = (
    (
        *(2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4),
        *(1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080),
    ),
    (
        *(5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4),
        *(5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
    ),
)
QUANTILE_NEAR = (
    (
        *(7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258),
        *(3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734),
    ),
    (
        *(1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1),
        *(6.89767334985100004550e-1, 1.67638483018380384940, 2.05319162663775882187, 1.0),
    ),
)
QUANTILE_FAR = (
    (
        *(2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2),
        *(2.96560571828504891230e-1, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720),
    ),
    (
        *(2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4),
        *(1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
    ),
)


def quotient(coefficients: Sequence[Sequence[float]], x: Numbers) -> Numbers:
    """P(x) / Q(x), by Horner's rule."""
    top, bottom = (np.polyval(np.asarray(row), x) for row in coefficients)
    return top / bottom


def erf(x: Numbers) -> Numbers:
    """The error function of float64 numbers, to about 1e-16."""
    size = np.minimum(np.abs(x), ERF_IS_ONE)  # NaN stays NaN
    small = np.where(size <= ERF_BELOW, x, 0)
    near = small * quotient(ERF_SMALL, small * small)
    far = 1 - np.exp(-size * size) * quotient(ERF_LARGE, size)
    return np.where(size <= ERF_BELOW, near, np.copysign(far, x))


def erf_inverse(y: Numbers) -> Numbers:
    """The inverse of the error function for float64 numbers, to about 1e-15: Φ⁻¹((1 + y)/2) / √2."""
    q = y / 2
    central = np.where(np.abs(q) <= CENTRE, q, 0)
    centre = central * quotient(QUANTILE_CENTRE, CENTRE * CENTRE - central * central)
    r = np.sqrt(-np.log((1 - np.abs(y)) / 2))  # NaN beyond -1 and 1
    near = quotient(QUANTILE_NEAR, np.minimum(r, 5) - 1.6)
    far = quotient(QUANTILE_FAR, np.where(np.isinf(r), 5, r) - 5)
    tail = np.where(np.isinf(r), np.inf, np.where(r > 5, far, near))
    return np.where(np.abs(q) <= CENTRE, centre, np.copysign(tail, y)) / math.sqrt(2)


@prim
class Erf(Unary):
    """The error function 2/√π ∫₀ˣ e^-t² dt. Worked out in float64 and rounded once."""

    operations: ClassVar[int] = 20

    def eval(self, *inputs: Any) -> Any:
        (x,) = inputs
        return erf(x.astype(np.float64)).astype(x.dtype)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        falling = bind(Exp(), neg(bind(IntegerPow(2), *inputs)))
        return (mul(constant_like(y, SLOPE), falling),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.erf(*terms)


@prim
class ErfInv(Unary):
    """The inverse of the error function: -∞ at -1, ∞ at 1, NaN beyond. Worked out in float64 and rounded once."""

    operations: ClassVar[int] = 30
    poles: ClassVar[bool] = True

    def eval(self, *inputs: Any) -> Any:
        (y,) = inputs
        return erf_inverse(y.astype(np.float64)).astype(y.dtype)

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        # √π/2 · e^y². At the ends and beyond, the product y · y would make 0 · ∞ of nothing at the second order.
        inside = bind(Less(), bind(Abs(), y), constant_like(y, math.inf))
        finite = select(inside, y, constant_like(y, 0.0))
        slope = mul(constant_like(y, 1 / SLOPE), bind(Exp(), mul(finite, finite)))
        return (select(inside, slope, bind(IntegerPow(2), y)),)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.erf_inv(*terms)

    @classmethod
    def cases(cls) -> list[Case]:
        samples = [0.0, -0.0, 1.0, -1.0, 0.5, -0.999, 2.0, math.nan, 1e-40]
        return [
            case(cls(), "f32[9]", special=(samples,)),
            case(cls(), "f64[9]", special=(samples,)),
            case(cls(), "f64[3,4]", special=(np.linspace(-0.7, 0.75, 12).reshape(3, 4),)),
            case(cls(), "f32[2,0]"),
        ]
