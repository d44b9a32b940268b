"""Elementary functions: nanoseconds an element and units of the last place, ours beside NumPy's and PyTorch's.

    python -m bench.vector_math        # the table of docs/notes/0017-vector-math.md; PyTorch is left out if not there

One thread, 4096 elements that stay in the nearest cache, the best of many calls. The error of float32 is taken on every
251st bit pattern against NumPy's float64, that of float64 on the figures of tests/stored/mpmath_elementary.npz and,
where NumPy's longdouble has more digits, on a million numbers of usual sizes.
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mapsto.compiler.vector_math import FUNCTIONS
from mapsto.compiler.words import apply
from mapsto.core.lazy import optional
from mapsto.ir.build import Builder
from mapsto.target.host import host
from mapsto.target.native import load_kernels

torch = optional("torch", extra="bench")
STORED = Path(__file__).resolve().parent.parent / "tests" / "stored" / "mpmath_elementary.npz"
SIZE, CALLS, STRIDE, PIECE = 4096, 400, 251, 1 << 20
PAIRS = ("pow", "hypot", "atan2")
WIDE = ("exp", "sin", "cos", "tan", "tanh", "sigmoid", "erf", "sinh", "cosh")  # timed from -6 to 6
NUMPY = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "pow": "power"}
NUMPY |= {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh"}
TORCH = {"erf_inv": "erfinv"}
Numbers = np.ndarray[Any, Any]


def compiled(word: str, dtype: str, size: int) -> Callable[..., Callable[[], None]]:
    """A function of the arrays of arguments and the array of results; it gives the call that fills the results."""
    lanes = host().vector_bytes // (4 if dtype == "f32" else 8)
    b = Builder("word")
    inputs = [b.buffer(f"x{k}", dtype, size, "in") for k in range(2 if word in PAIRS else 1)]
    out = b.buffer("out", dtype, size, "out")
    with b.loop(0, size, lanes) as turn:
        b.store(out, turn.index, apply(b, word, [b.load(x, turn.index, lanes) for x in inputs]))
    address = load_kernels([b.kernel()])["word"]
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(address)
    binding = np.arange(len(inputs) + 1)

    def bound(*arrays: Numbers) -> Callable[[], None]:
        slots = np.array([x.ctypes.data for x in arrays])
        first, second = slots.ctypes.data, binding.ctypes.data
        return lambda held=(slots, binding): function(first, second, 0, None)

    return bound


def nanoseconds(call: Callable[[], Any]) -> float:
    """Of one element, in the best of many calls."""
    best = math.inf
    for _ in range(CALLS):
        before = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - before)
    return best / SIZE * 1e9


def arguments(word: str, dtype: str) -> list[Numbers]:
    rng = np.random.Generator(np.random.PCG64(0))
    x = rng.uniform(0.01, 0.99, SIZE)
    x = (x - 0.5) * 12 if word in WIDE else x + 1 if word == "acosh" else x
    kind = np.float32 if dtype == "f32" else np.float64
    return [x.astype(kind), rng.uniform(0.5, 3, SIZE).astype(kind)][: 2 if word in PAIRS else 1]


def speed(word: str, dtype: str) -> list[float]:
    """Ours, NumPy's, PyTorch's; NaN where there is none."""
    x = arguments(word, dtype)
    out = np.empty_like(x[0])
    times = [nanoseconds(compiled(word, dtype, SIZE)(*x, out)), math.nan, math.nan]
    theirs = getattr(np, NUMPY.get(word, word), None)
    if theirs is not None:
        times[1] = nanoseconds(lambda: theirs(*x, out))
    if find_spec("torch"):
        torch.set_num_threads(1)
        function = getattr(torch, TORCH.get(word, word))
        tensors, result = [torch.from_numpy(part) for part in x], torch.from_numpy(out)
        times[2] = nanoseconds(lambda: function(*tensors, out=result))
    return times


def units(found: Numbers, wanted: Numbers, beyond: Numbers | float = 0.0) -> float:
    """The largest error in units of the last place, where the value is finite."""
    info = np.finfo(found.dtype)
    with np.errstate(all="ignore"):
        usual = np.isfinite(wanted.astype(found.dtype)) & np.isfinite(found) & (wanted != 0)
        places = info.nmant - np.maximum(np.frexp(wanted)[1] - 1, info.minexp)
        error = np.abs(np.ldexp(found.astype(np.float64), places) - np.ldexp(wanted, places) - beyond)
    return float(np.max(error[usual], initial=0))


def error_of_single(word: str) -> float:
    """On every so manieth bit pattern."""
    run, worst = compiled(word, "f32", PIECE), 0.0
    name = NUMPY.get(word, word)
    with np.errstate(all="ignore"):
        for first in range(0, 2**32, PIECE * STRIDE):
            x = (first + np.arange(PIECE, dtype=np.uint64) * STRIDE).astype(np.uint32).view(np.float32)
            wide = x.astype(np.float64)
            wanted = getattr(np, name)(wide) if hasattr(np, name) else OTHERS[word](wide)
            out = np.empty_like(x)
            run(x, out)()
            worst = max(worst, units(out, wanted))
    return worst


def sigmoid(x: Numbers) -> Numbers:
    return np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x)))


def by_torch(name: str) -> Callable[[Numbers], Numbers]:
    return lambda x: getattr(torch, name)(torch.from_numpy(x)).numpy()


OTHERS = {"sigmoid": sigmoid, "erf": by_torch("erf"), "erf_inv": by_torch("erfinv")}


def error_of_double(word: str) -> float:
    with np.load(STORED) as file:
        x = [file[f"{word}/{letter}"] for letter in "xy" if f"{word}/{letter}" in file.files]
        found, beyond = file[f"{word}/found"], file[f"{word}/beyond"].astype(np.float64)
    worst = units(of_doubles(word, *x), found, beyond)
    exact = sigmoid if word == "sigmoid" else getattr(np, NUMPY.get(word, word), None)
    if exact is None or word in PAIRS or np.finfo(np.longdouble).nmant < 63:
        return worst
    rng = np.random.Generator(np.random.PCG64(0))
    many = np.ldexp(rng.uniform(-2, 2, PIECE), rng.integers(-12, 10, PIECE))
    with np.errstate(all="ignore"):
        wanted = exact(many.astype(np.longdouble))
        near = wanted.astype(np.float64)
        beyond = ((wanted - near) / np.spacing(np.abs(near))).astype(np.float64)
        return max(worst, units(of_doubles(word, many), near, beyond))


def of_doubles(word: str, *x: Numbers) -> Numbers:
    full = [np.append(part, np.ones(-len(part) % 64)) for part in x]
    out = np.empty_like(full[0])
    compiled(word, "f64", len(out))(*full, out)()
    return out[: len(x[0])]


def main() -> None:
    print(f"{host().cpu}, NumPy {np.__version__}", flush=True)
    print("| | f32: ours | NumPy | PyTorch | error | f64: ours | NumPy | PyTorch | error |\n|---|" + "---|" * 8)
    for word in (*FUNCTIONS, "pow", "sqrt"):
        single = "" if word in PAIRS else f"{error_of_single(word):.2f}"
        cells: list[str] = []
        for dtype, error in (("f32", single), ("f64", f"{error_of_double(word):.2f}")):
            cells += [*("" if math.isnan(t) else f"{t:.2f}" for t in speed(word, dtype)), error]
        print(f"| {word} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
