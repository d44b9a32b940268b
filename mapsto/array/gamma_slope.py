"""The derivative of gamma numbers by their shape, by quadrature."""

from __future__ import annotations

import numpy as np

from mapsto.array.arithmetic import minimum
from mapsto.array.array import Array
from mapsto.array.comparison import less, where
from mapsto.array.convert import asarray
from mapsto.array.elementary import exp, expm1, log, sqrt
from mapsto.array.manipulate import reshape
from mapsto.array.reduction import sum

NODES = 32
REACH = 40.0  # e⁻⁴⁰ = 4e-18
NEWTON = 4
SHIFT = 8  # of α, so that digamma's series has 1e-13 of it


def digamma(alpha: Array) -> Array:
    """ψ(α) = Γ′(α)/Γ(α) for α > 0: ψ(α + 1) = ψ(α) + 1/α, and the asymptotic series (Abramowitz and Stegun 6.3.18)."""
    moved = alpha + float(SHIFT)
    below = alpha * 0.0
    for n in range(SHIFT):
        below = below + 1.0 / (alpha + float(n))
    square = 1.0 / (moved * moved)
    series = square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square * (1 / 240 - square * (1 / 132)))))
    return log(moved) - 0.5 / moved - series - below


def log_slope(drawn: Array, alpha: Array) -> Array:
    """Logarithms of gamma numbers z and their shape α ↦ ∂ log z/∂α, with z's place in its distribution held.

    F(z, α) stays, so dz/dα = -∂F/∂α / f(z) (Figurnov, Mohamed and Mnih 2018, equation 5). With t = z·e^∓w in
    ∂F/∂α = ∫₀ᶻ f(t)·(log t - ψ(α)) dt = -∫_z^∞ …, the derivative of log z is
    ∓∫₀^∞ e^-g(w)·(log z ∓ w - ψ(α)) dw, g = ±αw + z·(e^∓w - 1): upper signs for z < α, lower ones above, so that g
    rises from 0 and is convex. By Gauss and Legendre's 32 nodes up to where g is 40. To about 1e-9.
    """
    z = exp(drawn)
    below = less(z, alpha)
    sign = where(below, 1.0, -1.0)
    # A bound that g has passed 40 at: g ≥ αw - z and g ≥ z·w²/3 for w ≤ 1; above g ≥ z·w²/2, and z·e^w/3 for w ≥ 2.
    bend = sqrt(3.0 * REACH / z)
    straight = (REACH + z) / alpha
    reach = where(below, where(less(bend, 1.0), minimum(bend, straight), straight), upper_reach(z, bend, drawn))
    for _ in range(NEWTON):  # from above, on a convex function: it stays above
        g = sign * alpha * reach + z * expm1(-1.0 * sign * reach)
        rise = sign * (alpha - z * exp(-1.0 * sign * reach))
        reach = where(less(REACH, g), reach - (g - REACH) / rise, reach)
    places, weights = np.polynomial.legendre.leggauss(NODES)
    lead = (NODES, *(1,) * z.ndim)
    node = reshape(asarray((places + 1) / 2), lead)
    w = node**3 * reach  # nodes lie closer where w is small, for there e^-w moves while αw stands still
    g = sign * alpha * w + z * expm1(-1.0 * sign * w)
    terms = (
        exp(-1.0 * g)
        * (drawn - digamma(alpha) - sign * w)
        * reshape(asarray(weights * 3 / 2 * ((places + 1) / 2) ** (3 - 1)), lead)
    )
    return -1.0 * sign * reach * sum(terms, axis=0)


def upper_reach(z: Array, bend: Array, drawn: Array) -> Array:
    """For z ≥ α: √(120/z), or log(120/z) if that is less, but no less than 2."""
    far = np.log(3.0 * REACH) - drawn
    return minimum(bend, where(less(far, 2.0), 2.0, far))
