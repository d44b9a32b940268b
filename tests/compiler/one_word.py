"""One word of the vocabulary as a kernel over arrays, for this processor or as if it were a lesser one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.compiler.words import apply
from mapsto.core.spec import DTYPES, SHORT_NAMES
from mapsto.ir.build import Builder
from mapsto.ir.loops import Kernel
from tests.target.native_loops import Native, kind

Numbers = np.ndarray[Any, Any]
TRUTHS = ("equal", "less", "less_equal", "isnan", "sign_bit")


def kernel_of(name: str, word: str, dtypes: Sequence[str], size: int, lanes: int, goal: str = "") -> Kernel:
    """`out = word(a, b, …)` for arrays of `size` elements, a multiple of the lanes."""
    b = Builder(name)
    inputs = [b.buffer(letter, dtype, size, "in") for letter, dtype in zip("abc", dtypes, strict=False)]
    out = b.buffer("out", goal or ("bool" if word in TRUTHS else dtypes[-1]), size, "out")
    with b.loop(0, size, lanes) as turn:
        values = [b.load(buffer, turn.index, lanes) for buffer in inputs]
        b.store(out, turn.index, apply(b, word, values, goal))
    return b.kernel()


def compiled(word: str, *arrays: Numbers, lanes: int = 16, machine: str = "", goal: str = "") -> Numbers:
    """What machine code makes of arrays of one dimension."""
    count = len(arrays[0])
    size = -(-count // lanes) * lanes
    dtypes = [SHORT_NAMES[x.dtype] for x in arrays]
    kernel = kernel_of("word", word, dtypes, size, lanes, goal)
    padded = [np.append(x, np.ones(size - count, x.dtype)) for x in arrays]
    out = np.zeros(size, DTYPES[kernel.buffers[-1].dtype])
    with kind(machine):
        Native([kernel]).run("word", {**dict(zip("abc", padded, strict=False)), "out": out})
    return out[:count]
