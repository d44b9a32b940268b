"""The coefficients of the vector math, fitted with mpmath ↦ mapsto/compiler/vector_math/coefficients.py.

    python scripts/fit_vector_math.py         # needs mpmath (1.4.1 made the file) and NumPy, not mapsto; a minute

Every polynomial is the best one in the largest weighted error (E. Remez 1934; J.-M. Muller, Elementary Functions,
3rd edition, 3.2–3.5). The coefficients are then rounded one after another to the type in which they are used, and
the rest is fitted again each time, so that little is lost by rounding. The weights make the error relative to the
function that the polynomial is a part of.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
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


# What is fitted: the function, the weight, and the interval.
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


def erf_near(dtype: str) -> Fit:
    """erf a / a - 1, of z = a² up to ERF_SPLIT²"""

    def rest(z: Any) -> Any:
        a = mp.sqrt(z)
        return mp.erf(a) / a - 1

    return rest, lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)), mp.mpf(0), mp.mpf(ERF_SPLIT[dtype]) ** 2


def erf_far(dtype: str, top: str) -> Fit:
    """-log(1 - erf(ERF_SPLIT + t)), right in proportion to erf."""
    split = ERF_SPLIT[dtype]

    def rest(t: Any) -> Any:
        return -mp.log(mp.erfc(split + t))

    def heavy(t: Any) -> Any:
        return mp.erfc(split + t) / mp.erf(split + t)

    return rest, heavy, mp.mpf(0), mp.mpf(top) - split


@cache
def erf_inverse_ratio(w: Any) -> Any:
    """erf⁻¹ y / y where w = -log(1 - y²)"""
    if w < mp.mpf(10) ** -30:
        return mp.sqrt(mp.pi) / 2
    y = mp.sqrt(-mp.expm1(-w))
    return mp.erfinv(y) / y


def erf_inv(low: Any, high: Any, root: bool) -> Fit:
    """The same, of t: w or √w from the middle of an interval."""
    middle = (mp.mpf(low) + mp.mpf(high)) / 2

    def ratio(t: Any) -> Any:
        return erf_inverse_ratio((t + middle) ** 2 if root else t + middle)

    return ratio, lambda t: 1 / ratio(t), low - middle, high - middle


def same(fit: Fit, single: int, double: int) -> dict[str, tuple[Fit, int]]:
    """One function with two degrees."""
    return {"f32": (fit, single), "f64": (fit, double)}


TABLE: tuple[tuple[str, dict[str, tuple[Fit, int]]], ...] = (
    ("EXP", same(exp(), 4, 9)),
    ("EXPM1", same(expm1(), 4, 10)),
    ("EXP2", {"f64": (exp2(), 11)}),
    ("EXP2_SHORT", {"f64": (exp2(), 6)}),
    ("LOG", {"f32": (log(), 8)}),
    ("LOG_QUOTIENT", {"f64": (log_quotient(), 6)}),
    ("LOG2_SHORT", {"f64": (log2_short(), 12)}),
    ("ATANH_TAIL", {"f64": (atanh_tail(), 6)}),
    ("SINE", same(sine(), 2, 5)),
    ("COSINE", same(cosine(), 2, 5)),
    ("ASIN", same(asin(), 4, 11)),
    ("ATAN", same(atan(), 4, 10)),
    ("SINH", same(sinh(), 2, 5)),
    ("COSH", same(cosh(), 2, 5)),
    ("ERF_NEAR", {"f32": (erf_near("f32"), 6), "f64": (erf_near("f64"), 13)}),
    ("ERF_FAR", {"f32": (erf_far("f32", "3.95"), 6), "f64": (erf_far("f64", "5.95"), 16)}),
    ("ERF_INV_NEAR", {"f32": (erf_inv(0, 5, False), 9), "f64": (erf_inv(0, 6.25, False), 24)}),
    ("ERF_INV_MIDDLE", {"f64": (erf_inv(2.5, 4, True), 21)}),
    ("ERF_INV_FAR", {"f32": (erf_inv(2.234375, 4.125, True), 9), "f64": (erf_inv(4, 6.125, True), 19)}),
)

# Numbers in parts, each of so many bits but the last, so that a product with a small whole number is exact.
PARTS: tuple[tuple[str, Any, dict[str, tuple[int, ...]]], ...] = (
    ("LN2", mp.log(2), {"f32": (15,), "f64": (41,)}),
    ("LOG10_2", mp.log(2) / mp.log(10), {"f32": (15,), "f64": (41,)}),
    ("LOG2_E", 1 / mp.log(2), {"f32": (12,), "f64": (26,)}),
    ("LOG10_E", 1 / mp.log(10), {"f32": (12,), "f64": (26,)}),
    ("HALF_PI", mp.pi / 2, {"f32": (11, 11, 11, 11), "f64": (33, 33, 33)}),
    ("EIGHTH_TURN", mp.pi / 4, {"f32": (20,), "f64": (49,)}),
    ("QUARTER_TURN", mp.pi / 2, {"f64": (26,)}),
    ("THIRD", mp.mpf(1) / 3, {"f64": (26,)}),
    ("LOG2_SLOPE", 2 / mp.log(2), {"f64": (26,)}),
)

TWO_OVER_PI_BITS = 1216  # enough for the largest float64

HEAD = '''"""Coefficients of the polynomials, from the constant up, and numbers in parts, for each type of float.

Made by scripts/fit_vector_math.py, which says what each is. Behind a polynomial stands the binary logarithm of its
largest weighted error, before any rounding in the evaluation.
"""

from __future__ import annotations

# fmt: off
'''
WIDTH = 120


def parts(value: Any, dtype: str, bits: tuple[int, ...]) -> list[float]:
    """A number as a sum: each part cut off after its bits, the last rounded."""
    made: list[float] = []
    for count in bits:
        unit = mp.mpf(2) ** (int(mp.floor(mp.log(value, 2))) + 1 - count)
        made.append(float(mp.floor(value / unit) * unit))
        value -= made[-1]
    return [*made, float(rounded(value, dtype))]


def lines(words: Sequence[str], indent: str) -> str:
    """Words in lines that are not too long."""
    return textwrap.fill(" ".join(words), WIDTH, initial_indent=indent, subsequent_indent=indent) + "\n"


def row(name: str, table: Mapping[str, tuple[list[float], str]]) -> str:
    """A name, and for every type numbers and a remark."""
    text = f"{name} = {{\n"
    for dtype, (numbers, remark) in table.items():
        text += f'    "{dtype}": ({remark}\n' + lines([f"{number!r}," for number in numbers], " " * 8) + "    ),\n"
    return text + "}\n"


def two_over_pi() -> str:
    """Its first bits after the point, as hexadecimal digits."""
    with mp.workprec(TWO_OVER_PI_BITS + 64):
        digits = f"{int(mp.floor(2 / mp.pi * mp.mpf(2) ** TWO_OVER_PI_BITS)):X}"
    pieces = [f'"{digits[k : k + 100]}"' for k in range(0, len(digits), 100)]
    return "TWO_OVER_PI = int(\n" + "".join(f"    {piece}\n" for piece in pieces) + "    , 16)\n"


def main() -> None:
    text = HEAD
    for name, value, bits in PARTS:
        text += row(name, {dtype: (parts(value, dtype, count), "") for dtype, count in bits.items()})
    for name, kinds in TABLE:
        found: dict[str, tuple[list[float], str]] = {}
        for dtype, (fit, degree) in kinds.items():
            coefficients, error = fitted(*fit, degree, dtype)
            found[dtype] = coefficients, f"  # 2^{error:.1f}"
            print(f"{name} {dtype}: degree {degree}, error 2^{error:.1f}", flush=True)
        text += row(name, found)
    FILE.write_text(text + two_over_pi(), encoding="utf-8")


if __name__ == "__main__":
    main()
