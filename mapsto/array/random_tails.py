"""The tail of the normal distribution and its inverse in float64, to the same bits on every evaluator."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mapsto.array.arithmetic import minimum, negative
from mapsto.array.array import Array
from mapsto.array.comparison import greater, less_equal, where
from mapsto.array.elementary import sqrt
from mapsto.array.random_portable import ALL, exp, log, polynomial
from mapsto.prims.special import CENTRE, ERF_BELOW, ERF_LARGE, ERF_SMALL, QUANTILE_CENTRE, QUANTILE_FAR, QUANTILE_NEAR

# erfc x = e^-x²/x·(1/√π - P(1/x²)/(x²·Q(1/x²))) beyond 4: W. J. Cody (1969), as those of `prims.special`.
ERFC_FAR = (
    (
        *(1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1),
        *(1.60837851487422766e-2, 6.58749161529837803e-4),
    ),
    (
        *(1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1),
        *(6.05183413124413191e-2, 2.33520497626869185e-3),
    ),
)
OUTERMOST = 38.5  # Q is 0 there


def quotient(coefficients: Sequence[Sequence[float]], x: Array) -> Array:
    """P(x)/Q(x), whose coefficients are listed from the highest power down."""
    top, bottom = (polynomial(x, row[::-1]) for row in coefficients)
    return top / bottom


def tail(x: Array) -> Array:
    """Q(x) = erfc(x/√2)/2 for x ≥ 0: the chance that a normal number is above it. ∞ ↦ 0."""
    y = minimum(x, OUTERMOST) * math.sqrt(0.5)
    near, middle = less_equal(y, ERF_BELOW), less_equal(y, 4.0)
    small = where(near, y, 0.0)
    from_centre = 1.0 - small * quotient(ERF_SMALL, small * small)
    falling = exp(negative(y * y))
    in_middle = quotient(ERF_LARGE, where(middle, y, 4.0))
    far = where(middle, 4.0, y)
    inverse = 1.0 / (far * far)
    far_out = (1 / math.sqrt(math.pi) - inverse * quotient(ERFC_FAR, inverse)) / far
    return where(near, from_centre, falling * where(middle, in_middle, far_out)) * 0.5


def quantile(q: Array) -> Array:
    """The x ≥ 0 with Q(x) = q, for q up to ½ (Wichura 1988, AS 241)."""
    central = 0.5 - q
    centre = less_equal(central, CENTRE)
    p = where(centre, central, 0.0)
    r = sqrt(negative(log(where(greater(q, 0.0), q, 5e-324), ALL)))
    near = quotient(QUANTILE_NEAR, minimum(r, 5.0) - 1.6)
    far = quotient(QUANTILE_FAR, where(greater(r, 5.0), r - 5.0, 0.0))
    return where(centre, p * quotient(QUANTILE_CENTRE, CENTRE * CENTRE - p * p), where(greater(r, 5.0), far, near))
