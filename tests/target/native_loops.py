"""Kernels of the loops run as machine code, the numbers worth running them on, and what counts as the same."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np

from mapsto.core.errors import UsageError
from mapsto.core.spec import DTYPES, is_float
from mapsto.ir.loops import Buffer, Kernel
from mapsto.target.host import host
from mapsto.target.native import load_kernels

Numbers = np.ndarray[Any, Any]
FLOATS = ("f32", "f64")
HALVES = ("f16", "bf16")
INTEGERS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")


def kinds() -> list[str]:
    """The words for MAPSTO_CPU that this processor can follow; "" is the processor as it is."""

    def there(word: str) -> bool:
        with kind(word):
            try:
                return bool(host())
            except UsageError:
                return False

    return ["", *(word for word in ("avx2", "sse") if there(word))]


@contextmanager
def kind(word: str) -> Iterator[None]:
    """Within, code is made for this kind of processor."""
    before = os.environ.get("MAPSTO_CPU", "")
    os.environ["MAPSTO_CPU"] = word
    yield
    os.environ["MAPSTO_CPU"] = before


class Native:
    """Kernels as one module of machine code."""

    def __init__(self, kernels: Sequence[Kernel]) -> None:
        self.kernels = {kernel.name: kernel for kernel in kernels}
        self.addresses = load_kernels(kernels)

    def run(
        self,
        name: str,
        arrays: Mapping[str, Numbers],
        sizes: Sequence[int] = (),
        chunk: int = 0,
        scratch: Numbers | None = None,
    ) -> None:
        """One chunk, as `loops_run.run`. Slots are in another order than parameters, so that a mix-up shows."""
        parameters = self.kernels[name].parameters
        numbers = iter(sizes)
        bound = [arrays[p.name].ctypes.data if isinstance(p, Buffer) else next(numbers) for p in parameters]
        slots = np.array([0, *reversed(bound)], np.int64)
        binding = np.arange(len(bound), 0, -1, dtype=np.int64)
        work = 0 if scratch is None else scratch.ctypes.data
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
        function(self.addresses[name])(slots.ctypes.data, binding.ctypes.data, chunk, work)


def special(dtype: str) -> Numbers:
    """Numbers at which something changes: ends of ranges, ties of roundings, what is no number."""
    kind = DTYPES[dtype]
    if dtype == "bool":
        return np.array([True, False])
    if not is_float(kind):
        info = np.iinfo(kind)
        whole = [info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 100, 127]
        whole += [] if info.min == 0 else [-1, -2, -7, -8, -100]
        whole += [x for x in (128, 255, 256, 32768, 65520, 65536, 2**24 + 1, 2**31, 2**53 + 1) if x <= info.max]
        return np.array(whole, kind)
    ends = [2.0**power for power in (7, 8, 15, 16, 31, 32, 53, 63, 64)]
    reals = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -2.5, 3.7, 0.1, -1e-3, 65504.0, 65519.0, 65520.0, 65521.0, 1e10]
    reals += [np.inf, -np.inf, np.nan, 127.5, 254.5, -0.99, 2.0**-14, 2.0**-24, 2.0**-25, 1.5 * 2.0**-25, 2.0**-26]
    reals += [*ends, *(-x for x in ends), 2.0**24 + 2, 2.0**-126, 2.0**-127, 2.0**-149, 1 + 2.0**-8, 1 + 2.0**-11]
    reals += [1 + 2.0**-8 + 2.0**-40, 1 + 2.0**-11 + 2.0**-40, 1 - 2.0**-12 - 2.0**-50, 65520 - 2.0**-30]
    reals += [2.0**-1074, 2.0**-1022, 1.7e308, 3.4e38, 3.5e38, 3.39e38, 6e-8, 2.98e-8, 2.9802322387695312e-08]
    with np.errstate(all="ignore"):
        return np.array(reals).astype(kind)


def noise(dtype: str, count: int, seed: int = 0) -> Numbers:
    """Random bits: numbers of every size."""
    made = np.random.Generator(np.random.PCG64(seed)).integers(0, 2**64, count, np.uint64)
    if dtype == "bool":
        return made % 2 == 1
    return np.frombuffer(made.tobytes(), DTYPES[dtype])[:: 8 // DTYPES[dtype].itemsize].copy()


def operands(dtypes: Sequence[str], most: int) -> list[Numbers]:
    """Arrays, as many as there are types: special numbers with one another, then noise; a multiple of 16 in all."""
    few = int(most ** (1 / len(dtypes)))
    pools = [np.concatenate([special(dtype), noise(dtype, 8, place)]) for place, dtype in enumerate(dtypes, 2)]
    chosen = [pool if len(dtypes) < 3 else pool[:few] for pool in pools]
    grid = list(product(*(range(len(pool)) for pool in chosen)))
    rest = -len(grid) % 16 + 128
    return [
        np.concatenate([pool[[row[place] for row in grid]], noise(dtype, rest, place)])
        for place, (pool, dtype) in enumerate(zip(chosen, dtypes, strict=True))
    ]


def differences(found: Numbers, wanted: Numbers, exact: bool = False) -> Numbers:
    """The places where two arrays are not the same: bits, but that one NaN is like another unless `exact`."""
    width = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}[found.dtype.itemsize]
    apart = found.view(width) != wanted.view(width)
    with np.errstate(invalid="ignore"):
        same = (found != found) & (wanted != wanted) & (not exact)
    return np.flatnonzero(apart & ~same)
