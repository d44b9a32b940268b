"""Elementary functions by mpmath, to far more digits than float64 ↦ tests/stored/mpmath_elementary.npz.

    python scripts/mpmath_elementary.py       # needs mpmath (1.4.1 made the stored file) and NumPy, not mapsto; seconds

For tests/compiler/test_vector_math.py. For every function NAME the file holds

- `NAME/x`, and `NAME/y` where there are two arguments: f64[n], numbers from all over the domain: random bits, usual
  sizes, and what is hard (near poles and zeros, near multiples of π/2, near the ends of the range);
- `NAME/found` f64[n], the nearest float64 to the value, and `NAME/beyond` f16[n], how far the value is beyond it, in
  units of its last place, so that an error can be told to a thousandth of one.

Only finite values are kept; infinities and NaN are the tests' own business.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

FILE = Path(__file__).resolve().parent.parent / "tests" / "stored" / "mpmath_elementary.npz"
Numbers = np.ndarray[Any, Any]
RNG = np.random.Generator(np.random.PCG64(0))
COUNT = 120  # of each kind of number
# J.-M. Muller, Elementary Functions, 11.3.2: of all float64, this one is nearest to a multiple of π/2.
NEAREST = 6381956970095103.0 * 2.0**797

mp.mp.prec = 300


def uniform(low: float, high: float) -> Numbers:
    return RNG.uniform(low, high, COUNT)


def sizes(low: float, high: float) -> Numbers:
    """Powers of 2 with any exponent between two, of both signs."""
    return np.exp2(uniform(low, high)) * RNG.choice([-1.0, 1.0], COUNT)


def bits() -> Numbers:
    """Any float64."""
    found = RNG.integers(0, 2**64, 2 * COUNT, np.uint64).view(np.float64)
    return found[np.isfinite(found)][:COUNT]


def beside(point: float) -> Numbers:
    """Numbers on both sides of a point, some of them next to it."""
    return np.append(point + sizes(-60, -4), [np.nextafter(point, -9), np.nextafter(point, 9)])


def quarter_turns(most: int) -> Numbers:
    """The float64 nearest to multiples of π/2."""
    return np.array([float(int(n) * mp.pi / 2) for n in np.exp2(RNG.uniform(0, most, COUNT)).astype(object)])


def angles() -> Numbers:
    return np.concatenate(
        [bits(), sizes(-40, 5), uniform(-40, 40), sizes(10, 25), quarter_turns(20), quarter_turns(60), [NEAREST]]
    )


def unit() -> Numbers:
    near_one = 1 - np.exp2(uniform(-53, -2))
    return np.concatenate([uniform(-1, 1), sizes(-60, 0), near_one, -near_one, [0.5, -0.5, 5e-324, -3e-310]])


def growing(low: float, high: float) -> Numbers:
    """Arguments of functions like eˣ."""
    return np.concatenate(
        [uniform(low, high), uniform(-2, 2), sizes(-60, 3), [5e-324, -3e-310], uniform(high - 1, high)]
    )


def positive() -> Numbers:
    return np.abs(np.concatenate([bits(), beside(1.0), uniform(0.3, 3), sizes(-1074, -1022), sizes(-100, 100)]))


def everywhere() -> Numbers:
    return np.concatenate([bits(), sizes(-40, 40), uniform(-3, 3), beside(1.0), sizes(-1074, -1022)])


def bases() -> tuple[Numbers, Numbers]:
    """xʸ that is neither 0 nor ∞, also with x near 1 and with a denormal value."""
    x = np.concatenate([np.abs(bits()), np.abs(beside(1.0)), uniform(0.1, 9), np.abs(sizes(-1074, -1022))])
    x = x[x != 1]
    goal = RNG.uniform(-1074, 1024, len(x))
    y = goal / np.log2(x)
    return x, np.where(np.abs(goal) < 200, np.round(y), y)


def pairs() -> tuple[Numbers, Numbers]:
    x, y = bits(), bits()
    size = sizes(-900, 900)
    near = size * np.exp2(uniform(-30, 30))
    return np.concatenate([x, size, uniform(-2, 2)]), np.concatenate([y, near, uniform(-2, 2)])


def hypot(x: Any, y: Any) -> Any:
    return mp.sqrt(x * x + y * y)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[[], Any]]] = {
    "exp": (mp.exp, lambda: growing(-745, 709.7)),
    "expm1": (mp.expm1, lambda: growing(-40, 709.7)),
    "sigmoid": (sigmoid, lambda: growing(-745, 40)),
    "sinh": (mp.sinh, lambda: growing(-710.4, 710.4)),
    "cosh": (mp.cosh, lambda: growing(-710.4, 710.4)),
    "tanh": (mp.tanh, lambda: growing(-25, 25)),
    "erf": (mp.erf, lambda: growing(-6.5, 6.5)),
    "log": (mp.log, positive),
    "log2": (lambda x: mp.log(x) / mp.log(2), positive),
    "log10": (lambda x: mp.log(x) / mp.log(10), positive),
    "log1p": (mp.log1p, lambda: np.append(np.abs(everywhere()), -np.abs(unit()))),
    "sqrt": (mp.sqrt, positive),
    "sin": (mp.sin, angles),
    "cos": (mp.cos, angles),
    "tan": (mp.tan, angles),
    "asin": (mp.asin, unit),
    "acos": (mp.acos, unit),
    "atanh": (mp.atanh, unit),
    "erf_inv": (mp.erfinv, unit),
    "atan": (mp.atan, everywhere),
    "asinh": (mp.asinh, everywhere),
    "acosh": (mp.acosh, lambda: 1 + np.abs(everywhere())),
    "pow": (mp.power, bases),
    "hypot": (hypot, pairs),
    "atan2": (mp.atan2, pairs),
}


def main() -> None:
    made: dict[str, Numbers] = {}
    for name, (function, numbers) in FUNCTIONS.items():
        chosen = numbers()
        arguments = chosen if isinstance(chosen, tuple) else (chosen,)
        rows: list[tuple[float, ...]] = []
        for point in zip(*arguments, strict=True):
            with mp.workprec(2400 if abs(point[0]) > 1e9 else 300):
                exact = function(*(mp.mpf(float(x)) for x in point)) if all(map(np.isfinite, point)) else mp.inf
                found = float(exact)
                if math.isfinite(found) and (found != 0 or point[0] == 0):
                    beyond = float((exact - mp.mpf(found)) / math.ulp(found))
                    rows.append((*map(float, point), found, beyond))
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        for label, column in zip(["x", "y"][: len(arguments)] + ["found", "beyond"], columns, strict=True):
            made[f"{name}/{label}"] = column.astype(np.float16 if label == "beyond" else np.float64)
        print(f"{name}: {len(rows)} points, {np.abs(columns[-1]).max():.3f} beyond at most", flush=True)
    np.savez_compressed(FILE, **made)


if __name__ == "__main__":
    main()
