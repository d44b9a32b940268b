"""Products and convolutions by the tile generator, one core: GFLOP/s, share of the machine's peak, and NumPy's.

`python -m bench.contraction [words]` prints the rows whose names hold one of the words; those named "compiled" go
through `mt.compile`, chunk by chunk, as in a program. NumPy's OpenBLAS may know this
processor only as an older one: OPENBLAS_CORETYPE=SkylakeX makes it use AVX-512.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import mapsto as mt
from bench.fma import SUMS, Loop
from mapsto import xp
from mapsto.compiler.contraction import Contraction, Operand, Place, plan, product, write
from mapsto.compiler.fuse import Fusion, Stage
from mapsto.compiler.nests import Nest
from mapsto.compiler.pieces import pieces
from mapsto.core.spec import FLOAT32, Spec
from mapsto.ir.build import Builder
from mapsto.ir.graph import Builder as Nodes
from mapsto.ir.graph import Graph, Var
from mapsto.ir.loops import Buffer, Value
from mapsto.prims.conv import Conv
from mapsto.target.host import host
from mapsto.target.native import load_kernels

CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
PRODUCTS = [
    *((64, 784, 512), (64, 512, 256), (64, 256, 10), (32, 784, 128), (128, 1024, 64), (128, 64, 10)),
    *((256, 256, 256), (1024, 1024, 1024), (1, 784, 512), (1, 512, 256), (64, 784, 1), (512, 512, 1)),
]
TURNS = {"A·B": ("mk", "kn"), "Aᵀ·B": ("km", "kn"), "A·Bᵀ": ("mk", "nk")}
COMPILED = [(1024, 1024, 1024), (1000, 1000, 1000), (1024, 512, 1024), (512, 1024, 512), (1024, 2048, 1024)]
PLANES = [(32, 15, 32, 64, 0), (32, 32, 3, 32, 0), (32, 6, 64, 64, 0), (32, 15, 32, 64, 1), (32, 28, 1, 32, 0)]


@dataclass(frozen=True)
class Row:
    """A contraction of dense arrays with these shapes, its useful operations, and NumPy's way to the same numbers."""

    name: str
    contraction: Contraction
    x: tuple[int, ...]
    y: tuple[int, ...]
    flops: int
    numpy: Callable[[np.ndarray, np.ndarray], np.ndarray]
    timed: bool = True


def products() -> Iterator[Row]:
    """Matrix products in three layouts, those of attention, and an outer product."""
    for m, k, n in PRODUCTS:
        extents = {"m": m, "k": k, "n": n}
        for name, (x, y) in TURNS.items():
            yield by_letters(f"{m}x{k}x{n} {name}", x, y, "mn", extents)
    extents = {"b": 32, "q": 64, "k": 64, "d": 32}
    yield by_letters("attention q·kᵀ", "bqd", "bkd", "bqk", extents)
    yield by_letters("attention p·v", "bqk", "bkd", "bqd", extents)
    yield by_letters("outer 512x512", "m", "n", "mn", {"m": 512, "n": 512})


def by_letters(name: str, x: str, y: str, out: str, extents: dict[str, int]) -> Row:
    def numpy(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if "b" in out:
            return a @ (b.swapaxes(1, 2) if y[1] != x[2] else b)
        if len(x) == 1:
            return np.outer(a, b)
        return (a if x[0] == "m" else a.T) @ (b if y[0] == "k" else b.T)

    shapes = [tuple(extents[letter] for letter in letters) for letters in (x, y)]
    return Row(name, product(x, y, out, extents), shapes[0], shapes[1], 2 * prod(extents.values()), numpy)


def convolutions() -> Iterator[Row]:
    """3×3, in all three directions; only products that exist count as operations."""
    for n, side, c, o, border in [*PLANES, (8, 16, 1, 1, 0)]:
        groups = 64 if c == o == 1 else 1
        out = side + 2 * border - 2
        taps = sum(0 <= j + k - border < side for j in range(out) for k in range(3))
        shapes = {"x": (n, side, side, groups, c), "w": (3, 3, groups, c, o), "y": (n, out, out, groups, o)}
        for role, name in (("y", "forward"), ("w", "weights"), ("x", "input")):
            conv = Conv(role, (1, 1), (1, 1), (border, border), (side, side), (3, 3), (out, out))
            first, second = (shapes[other] for other in conv.roles)
            kind = "depthwise " if groups > 1 else ""
            label = f"{kind}{n}x{side}x{side}x{groups * c}→{groups * o} border {border} {name}"
            flops = 2 * n * taps**2 * groups * c * o
            yield Row(label, contraction_of(conv, first, second), first, second, flops, conv.eval, False)


def contraction_of(conv: Conv, *shapes: tuple[int, ...]) -> Contraction:
    """A convolution without strides ↦ its letters, as the compiler finds them."""
    inputs = tuple(Var(Spec(FLOAT32, shape)) for shape in shapes)
    nodes = Nodes()
    made = nodes.add(conv, inputs)
    fusion = Fusion(Graph(inputs, tuple(nodes.nodes), made))
    (stage,) = (step for step in fusion.steps if isinstance(step, Stage))
    found = pieces(Nest((stage.array,), stage.domain, stage.domain, (stage.formula,)), fusion.specs)
    if not found or found[0].contraction is None:
        raise ValueError(f"{conv} is no contraction")
    return found[0].contraction


class Kernel:
    """A compiled contraction into a dense array."""

    def __init__(self, contraction: Contraction, sizes: tuple[int, int]) -> None:
        shape = [letter.extent for letter in contraction.outs]
        strides = {letter.name: prod(shape[place + 1 :]) for place, letter in enumerate(contraction.outs)}
        self.plan, self.work = plan(contraction, host(), strides), 0
        b = self.b = Builder("contraction")
        x, y = (b.buffer(name, contraction.dtype, size, "in") for name, size in zip("xy", sizes, strict=True))
        out = b.buffer("out", contraction.dtype, prod(shape), "out")

        def finish(total: Value, place: Place, lanes: int, mask: Value | None) -> None:
            offset, shift = place.offset(strides)
            b.store(out, offset, total, shift=shift, mask=mask)

        write(b, self.plan, Operand(x), Operand(y), {}, finish, scratch=self.scratch)  # type: ignore[arg-type]
        self.call = CALL(load_kernels([b.kernel()])["contraction"])

    def scratch(self, dtype: str, size: int) -> Buffer:
        made = self.b.buffer(f"work{self.work}", dtype, size, "scratch", self.work)
        self.work += -(-size * 4 // 64) * 64
        return made

    def bound(self, x: np.ndarray, y: np.ndarray, out: np.ndarray) -> Callable[[], None]:
        work = aligned((self.work // 4 + 16,))
        slots = np.array([x.ctypes.data, y.ctypes.data, out.ctypes.data])
        binding = np.arange(3)
        kept = (slots.ctypes.data, binding.ctypes.data, 0, work.ctypes.data, slots, binding, work)
        return lambda: self.call(*kept[:4])


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    memory = np.zeros(prod(shape) + 16, np.float32)
    start = -memory.ctypes.data % 64 // 4
    return memory[start : start + prod(shape)].reshape(shape)


def best(call: Callable[[], object], seconds: float = 0.15) -> float:
    """The shortest of many calls. Of long ones the processor's time counts: others may have had it in between."""
    call()
    shortest, end = 9.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        worked = time.process_time()
        begun = time.perf_counter()
        call()
        taken = time.perf_counter() - begun
        worked = time.process_time() - worked
        shortest = min(shortest, taken if taken < 1e-3 else worked)
    return shortest


def main(words: list[str]) -> None:
    loop, rng = Loop(), np.random.default_rng(0)
    rounds = 100_000
    peak = 2 * loop.width * SUMS * rounds / best(lambda: loop.call(rounds, 0.5, 1.0), 1.0) / 1e9
    print(f"peak of one core {peak:.0f} GFLOP/s\n{'':44}GFLOP/s  share   NumPy   error  tile")
    for row in (*convolutions(), *products()):
        if words and not any(word in row.name for word in words):
            continue
        print(measured(row, rng, peak), flush=True)
    for m, k, n in COMPILED:
        for name, (x, y) in TURNS.items():
            label = f"compiled {m}x{k}x{n} {name}"
            if not words or any(word in label for word in words):
                row = by_letters(label, x, y, "mn", {"m": m, "k": k, "n": n})
                print(as_compiled(row, x, y, rng, peak), flush=True)


def as_compiled(row: Row, x: str, y: str, rng: np.random.Generator, peak: float) -> str:
    """A line of the table for a product that `mt.compile` cuts into chunks, on one thread."""

    def multiplied(a: mt.Array, b: mt.Array) -> mt.Array:
        return (a if x[0] == "m" else a.mT) @ (b if y[0] == "k" else b.mT)

    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in (row.x, row.y))
    first, second, compiled = xp.asarray(a), xp.asarray(b), mt.compile(multiplied)
    mt.threads(1)
    speed = row.flops / best(lambda: compiled(first, second)) / 1e9
    found = np.asarray(compiled(first, second))
    wide = row.numpy(a.astype("f8"), b.astype("f8"))
    error = abs(found - wide).max() / abs(wide).max()
    theirs = row.flops / best(lambda: row.numpy(a, b)) / 1e9
    return f"{row.name:44}{speed:7.1f} {speed / peak:6.0%} {theirs:7.1f} {error:7.0e}"


def measured(row: Row, rng: np.random.Generator, peak: float) -> str:
    """A line of the table."""
    x, y, out = aligned(row.x), aligned(row.y), aligned(tuple(letter.extent for letter in row.contraction.outs))
    for array in (x, y):
        array[...] = rng.standard_normal(array.shape)
    kernel = Kernel(row.contraction, (x.size, y.size))
    speed = row.flops / best(kernel.bound(x, y, out)) / 1e9
    wide = row.numpy(x.astype("f8"), y.astype("f8")).reshape(out.shape)
    error = abs(out - wide).max() / abs(wide).max()
    theirs = f"{row.flops / best(lambda: row.numpy(x, y)) / 1e9:7.1f}" if row.timed else " " * 7
    made = kernel.plan
    tile = " ".join([*(f"{name}·{count}" for name, count in made.rows), f"{made.vector}·{made.vectors} vectors"])
    return f"{row.name:44}{speed:7.1f} {speed / peak:6.0%} {theirs} {error:7.0e}  {tile}"


if __name__ == "__main__":
    main(sys.argv[1:])
