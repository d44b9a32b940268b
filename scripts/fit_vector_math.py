"""The coefficients of the vector math, fitted with mpmath ↦ mapsto/compiler/vector_math/coefficients.py.

    python scripts/fit_vector_math.py         # needs mpmath (1.4.1 made the file) and NumPy, not mapsto; two minutes

Every polynomial is the best one in the largest weighted error (E. Remez 1934; J.-M. Muller, Elementary Functions,
3rd edition, 3.2–3.5). The coefficients are then rounded one after another to the type in which they are used, and
the rest is fitted again each time, so that little is lost by rounding. The weights make the error relative to the
function that the polynomial is a part of.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

FILE = Path(__file__).resolve().parent.parent / "mapsto" / "compiler" / "vector_math" / "coefficients.py"
Function = Callable[[Any], Any]
POINTS, ROUNDS = 24, 40  # of the grid for every coefficient; of the exchange

mp.mp.dps = 50


def nodes(low: Any, high: Any, count: int) -> list[Any]:
    """Chebyshev's points; 0 is stepped aside from, since many of the functions are quotients there."""
    span = high - low
    points = [(low + high) / 2 - span / 2 * mp.cos(mp.pi * k / (count - 1)) for k in range(count)]
    return [x if abs(x) > span / 10**5 else span / 10**5 for x in points]


def minimax(f: Function, weight: Function, low: Any, high: Any, degree: int) -> list[Any]:
    """The polynomial P that makes max |weight · (f − P)| smallest, by exchange on a grid."""
    grid = nodes(low, high, POINTS * (degree + 2) + 1)
    weights = [weight(x) for x in grid]
    kept = [k for k, w in enumerate(weights) if w > max(weights) / 10**4]
    grid, weights = [grid[k] for k in kept], [weights[k] for k in kept]
    values = [f(x) for x in grid]
    count = degree + 2
    picks = [round(k * (len(grid) - 1) / (count - 1)) for k in range(count)]
    best: list[Any] = []
    for _ in range(ROUNDS):
        system, right = mp.matrix(count, count), mp.matrix(count, 1)
        for row, k in enumerate(picks):
            for power in range(degree + 1):
                system[row, power] = grid[k] ** power
            system[row, degree + 1] = (-1) ** row / weights[k]
            right[row] = values[k]
        solved = mp.lu_solve(system, right)
        best = [solved[k] for k in range(degree + 1)]
        errors = [w * (v - mp.polyval(best[::-1], x)) for x, v, w in zip(grid, values, weights, strict=True)]
        following = alternating(errors, count)
        if following == picks or len(following) < count:
            break
        picks = following
    return best


def alternating(errors: list[Any], count: int) -> list[int]:
    """Where the error is largest between its changes of sign; of more than `count` places the weakest go."""
    runs: list[int] = []
    for k, error in enumerate(errors):
        if runs and (errors[runs[-1]] > 0) == (error > 0):
            if abs(error) > abs(errors[runs[-1]]):
                runs[-1] = k
        else:
            runs.append(k)

    def size(place: int) -> Any:
        return abs(errors[runs[place]])

    while len(runs) > count:
        weakest = min(range(len(runs)), key=size)
        if weakest in (0, len(runs) - 1):
            runs.pop(weakest)
        elif len(runs) == count + 1:
            runs.pop(0 if size(0) < size(len(runs) - 1) else -1)
        else:  # with it goes a neighbour, or two of one sign would meet
            neighbour = min(weakest - 1, weakest + 1, key=size)
            for place in sorted((weakest, neighbour), reverse=True):
                runs.pop(place)
    return runs


def rounded(x: Any, dtype: str) -> Any:
    return mp.mpf(float(np.float32(float(x)))) if dtype == "f32" else mp.mpf(float(x))


def fitted(f: Function, weight: Function, low: Any, high: Any, degree: int, dtype: str) -> tuple[list[float], float]:
    """Coefficients in a type, and log₂ of the largest weighted error."""
    made: list[Any] = []
    for power in range(degree + 1):

        def rest(x: Any, power: int = power) -> Any:
            return (f(x) - mp.polyval(made[::-1], x)) / x**power if made else f(x)

        def heavy(x: Any, power: int = power) -> Any:
            return weight(x) * abs(x) ** power

        made.append(rounded(minimax(rest, heavy, low, high, degree - power)[0], dtype))
    worst = max(abs(weight(x) * (f(x) - mp.polyval(made[::-1], x))) for x in nodes(low, high, 501))
    return [float(c) for c in made], float(mp.log(worst, 2))


# What is fitted. Each takes the type and the degree.
Fit = tuple[Function, Function, Any, Any]
ROOM = mp.mpf(2) ** -10  # for what rounding does at the ends of an interval
HALF_LN2 = mp.log(2) / 2 * (1 + ROOM)  # a little room for the rounding of n
ERF_SPLIT = {"f32": 1.0, "f64": 1.25}
EIGHTH = mp.pi / 4 * (1 + ROOM)  # of a turn
EDGE = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * (1 + ROOM)  # of s = f / (2 + f) where 1 + f is √2


def exp() -> Fit:
    """(eʳ - 1 - r) / r²"""
    return lambda r: (mp.exp(r) - 1 - r) / r**2, lambda r: r**2 / mp.exp(r), -HALF_LN2, HALF_LN2


def expm1() -> Fit:
    """The same, to be right in proportion to eʳ - 1."""
    return exp()[0], lambda r: r**2 / abs(mp.expm1(r)), -HALF_LN2, HALF_LN2


def exp2() -> Fit:
    """(2ʳ - 1) / r"""
    return lambda r: mp.expm1(r * mp.log(2)) / r, lambda r: abs(r) / mp.mpf(2) ** r, mp.mpf(-0.501), mp.mpf(0.501)


def log() -> Fit:
    """(log(1 + f) - f + f²/2) / f³"""

    def rest(f: Any) -> Any:
        return (mp.log1p(f) - f + f**2 / 2) / f**3

    return rest, lambda f: abs(f**3 / mp.log1p(f)), (mp.sqrt(0.5) - 1) * (1 + ROOM), (mp.sqrt(2) - 1) * (1 + ROOM)


def log2_short() -> Fit:
    """log₂(1 + f) / f"""

    def rest(f: Any) -> Any:
        return mp.log1p(f) / mp.log(2) / f

    return rest, lambda f: abs(f / mp.log1p(f)), (mp.sqrt(0.5) - 1) * (1 + ROOM), (mp.sqrt(2) - 1) * (1 + ROOM)


def log_quotient() -> Fit:
    """(log((1 + s) / (1 - s)) / s - 2) / s², of z = s²"""

    def rest(z: Any) -> Any:
        return (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z

    return rest, lambda z: z, mp.mpf(0), EDGE**2


def atanh_tail() -> Fit:
    """(artanh s / s - 1 - z / 3) / z², of z = s²; right in proportion to z² alone."""

    def rest(z: Any) -> Any:
        s = mp.sqrt(z)
        return (mp.atanh(s) / s - 1 - z / 3) / z**2

    return rest, lambda z: z**2, mp.mpf(0), EDGE**2


def sine() -> Fit:
    """(sin r / r - 1) / z, of z = r²"""

    def rest(z: Any) -> Any:
        r = mp.sqrt(z)
        return (mp.sin(r) / r - 1) / z

    return rest, lambda z: z / mp.sinc(mp.sqrt(z)), mp.mpf(0), (EIGHTH**2)


def cosine() -> Fit:
    """(cos r - 1 + z/2) / z², of z = r²"""

    def rest(z: Any) -> Any:
        return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2

    return rest, lambda z: z**2, mp.mpf(0), EIGHTH**2


def asin() -> Fit:
    """(asin s / s - 1) / z, of z = s² up to ¼"""

    def rest(z: Any) -> Any:
        s = mp.sqrt(z)
        return (mp.asin(s) / s - 1) / z

    return rest, lambda z: z * mp.sqrt(z) / mp.asin(mp.sqrt(z)), mp.mpf(0), mp.mpf(1) / 4


def atan() -> Fit:
    """(atan t / t - 1) / z, of z = t² up to tan(π/8)²"""

    def rest(z: Any) -> Any:
        t = mp.sqrt(z)
        return (mp.atan(t) / t - 1) / z

    return rest, lambda z: z * mp.sqrt(z) / mp.atan(mp.sqrt(z)), mp.mpf(0), (mp.sqrt(2) - 1) ** 2 * (1 + ROOM)


def sinh() -> Fit:
    """(sinh r / r - 1) / z, of z = r² for r up to log 2"""

    def rest(z: Any) -> Any:
        r = mp.sqrt(z)
        return (mp.sinh(r) / r - 1) / z

    return rest, lambda z: z * mp.sqrt(z) / mp.sinh(mp.sqrt(z)), mp.mpf(0), mp.log(2) ** 2 * (1 + ROOM)


def cosh() -> Fit:
    """(cosh r - 1 - z/2) / z², of z = r² for r up to log 2"""

    def rest(z: Any) -> Any:
        return (mp.cosh(mp.sqrt(z)) - 1 - z / 2) / z**2

    return rest, lambda z: z**2 / mp.cosh(mp.sqrt(z)), mp.mpf(0), mp.log(2) ** 2 * (1 + ROOM)


def erf_near(dtype: str) -> Callable[[], Fit]:
    """erf a / a - 1, of z = a² up to ERF_SPLIT²"""

    def rest(z: Any) -> Any:
        a = mp.sqrt(z)
        return mp.erf(a) / a - 1

    return lambda: (rest, lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)), mp.mpf(0), mp.mpf(ERF_SPLIT[dtype]) ** 2)


def erf_far(dtype: str, top: str) -> Callable[[], Fit]:
    """-log(1 - erf(ERF_SPLIT + t)), right in proportion to erf."""
    split = ERF_SPLIT[dtype]

    def rest(t: Any) -> Any:
        return -mp.log(mp.erfc(split + t))

    def heavy(t: Any) -> Any:
        return mp.erfc(split + t) / mp.erf(split + t)

    return lambda: (rest, heavy, mp.mpf(0), mp.mpf(top) - split)


@cache
def erf_inverse_ratio(w: Any) -> Any:
    """erf⁻¹ y / y where w = -log(1 - y²)"""
    if w < mp.mpf(10) ** -30:
        return mp.sqrt(mp.pi) / 2
    y = mp.sqrt(-mp.expm1(-w))
    return mp.erfinv(y) / y


def erf_inv(low: Any, high: Any, root: bool) -> Callable[[], Fit]:
    """The same, of t: w or √w from the middle of an interval."""
    middle = (mp.mpf(low) + mp.mpf(high)) / 2

    def ratio(t: Any) -> Any:
        return erf_inverse_ratio((t + middle) ** 2 if root else t + middle)

    return lambda: (ratio, lambda t: 1 / ratio(t), low - middle, high - middle)


TABLE: tuple[tuple[str, Callable[[], Fit], str, int], ...] = (
    ("EXP", exp, "f32", 4),
    ("EXP", exp, "f64", 9),
    ("EXPM1", expm1, "f32", 4),
    ("EXPM1", expm1, "f64", 10),
    ("EXP2_SHORT", exp2, "f64", 6),
    ("EXP2", exp2, "f64", 11),
    ("ATANH_TAIL", atanh_tail, "f64", 6),
    ("SINE", sine, "f32", 2),
    ("SINE", sine, "f64", 5),
    ("COSINE", cosine, "f32", 2),
    ("COSINE", cosine, "f64", 5),
    ("ASIN", asin, "f32", 4),
    ("ASIN", asin, "f64", 11),
    ("ATAN", atan, "f32", 4),
    ("ATAN", atan, "f64", 10),
    ("SINH", sinh, "f32", 2),
    ("SINH", sinh, "f64", 5),
    ("COSH", cosh, "f32", 2),
    ("COSH", cosh, "f64", 5),
    ("ERF_NEAR", erf_near("f32"), "f32", 6),
    ("ERF_NEAR", erf_near("f64"), "f64", 13),
    ("ERF_FAR", erf_far("f32", "3.95"), "f32", 6),
    ("ERF_FAR", erf_far("f64", "5.95"), "f64", 16),
    ("ERF_INV_NEAR", erf_inv(0, 5, False), "f32", 9),
    ("ERF_INV_FAR", erf_inv(2.234375, 4.125, True), "f32", 9),
    ("ERF_INV_NEAR", erf_inv(0, 6.25, False), "f64", 24),
    ("ERF_INV_MIDDLE", erf_inv(2.5, 4, True), "f64", 21),
    ("ERF_INV_FAR", erf_inv(4, 6.125, True), "f64", 19),
    ("LOG", log, "f32", 8),
    ("LOG_QUOTIENT", log_quotient, "f64", 6),
    ("LOG2_SHORT", log2_short, "f64", 12),
)

# Numbers in parts, each of so many bits but the last, so that a product with a small whole number is exact.
PARTS: tuple[tuple[str, Any, str, tuple[int, ...]], ...] = (
    ("LN2", mp.log(2), "f32", (15,)),
    ("LN2", mp.log(2), "f64", (41,)),
    ("HALF_PI", mp.pi / 2, "f32", (11, 11, 11, 11)),
    ("HALF_PI", mp.pi / 2, "f64", (33, 33, 33)),
    ("EIGHTH_TURN", mp.pi / 4, "f32", (20,)),
    ("EIGHTH_TURN", mp.pi / 4, "f64", (49,)),
    ("QUARTER_TURN", mp.pi / 2, "f64", (26,)),
    ("THIRD", mp.mpf(1) / 3, "f64", (26,)),
    ("LOG2_SLOPE", 2 / mp.log(2), "f64", (26,)),
)

TWO_OVER_PI_BITS = 1216  # enough for the largest float64

HEAD = '''"""Coefficients of the polynomials, from the constant up: made by scripts/fit_vector_math.py, which says what they fit.

Behind each stands the binary logarithm of its largest weighted error, before any rounding in the evaluation.
"""

from __future__ import annotations

'''


def parts(value: Any, dtype: str, bits: tuple[int, ...]) -> list[float]:
    """A number as a sum: each part cut off after its bits, the last rounded."""
    made: list[float] = []
    for count in bits:
        unit = mp.mpf(2) ** (int(mp.floor(mp.log(value, 2))) + 1 - count)
        made.append(float(mp.floor(value / unit) * unit))
        value -= made[-1]
    return [*made, float(rounded(value, dtype))]


def two_over_pi() -> str:
    """Its first bits after the point, as hexadecimal digits."""
    with mp.workprec(TWO_OVER_PI_BITS + 64):
        return f"TWO_OVER_PI = 0x{int(mp.floor(2 / mp.pi * mp.mpf(2) ** TWO_OVER_PI_BITS)):X}\n"


def row(name: str, numbers: list[float], remark: str = "") -> str:
    body = "".join(f"    {number!r},\n" for number in numbers)
    return f"{name} = ({remark}\n{body})\n"


def main() -> None:
    text = HEAD
    for name, value, dtype, bits in PARTS:
        text += row(f"{name}_{dtype.upper()}", parts(value, dtype, bits))
    for name, fit, dtype, degree in TABLE:
        coefficients, error = fitted(*fit(), degree, dtype)
        print(f"{name}_{dtype.upper()}: degree {degree}, error 2^{error:.1f}", flush=True)
        text += row(f"{name}_{dtype.upper()}", coefficients, f"  # 2^{error:.1f}")
    text += two_over_pi()
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
