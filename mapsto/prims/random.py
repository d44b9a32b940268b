"""Random bits as a mapping: (key, position) ↦ 32 bits, by Threefry-2x32-20 (Salmon et al., SC 2011).

A key is two 32-bit words. Nothing is drawn in order, so any element can be computed by itself, on any thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import INT64, UINT32, Spec
from mapsto.ir.formula import Formula, Literal, Load, as_index
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.kinds import SHARED, WRITE, Constant, case, operands

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
TOP_BIT = 2**31
BLOCK = 2**15  # words per step of `bits`: 128 KiB, so that the 20 rounds stay in the second cache


class NumpyWords:
    """The words that Threefry needs, on arrays; `kinds.WRITE` writes the same ones into a formula."""

    add = staticmethod(np.add)
    bit_or = staticmethod(np.bitwise_or)
    bit_xor = staticmethod(np.bitwise_xor)
    shift_left = staticmethod(np.left_shift)
    shift_right = staticmethod(np.right_shift)


def rounds(e: Any, number: Callable[[int], Any], k0: Any, k1: Any, c0: Any, c1: Any) -> tuple[Any, Any]:
    """Key and counter ↦ both output words, written once for arrays and formulas; sums wrap at 32 bits."""
    keys = (k0, k1, e.bit_xor(e.bit_xor(k0, k1), number(PARITY)))
    x, y = e.add(c0, k0), e.add(c1, k1)
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            x = e.add(x, y)
            turned = e.bit_or(e.shift_left(y, number(rotation)), e.shift_right(y, number(32 - rotation)))
            y = e.bit_xor(turned, x)
        x = e.add(x, keys[(group + 1) % 3])
        y = e.add(y, e.add(keys[(group + 2) % 3], number(group + 1)))
    return x, y


def threefry2x32(k0: Any, k1: Any, c0: Any, c1: Any) -> tuple[Any, Any]:
    """Key and counter words, uint32 arrays that broadcast ↦ the two output words.

    >>> [hex(word) for word in threefry2x32(*np.zeros((4, 1), np.uint32))[0]]
    ['0x6b200159']
    """
    with np.errstate(over="ignore"):
        return rounds(NumpyWords, np.uint32, k0, k1, c0, c1)


def formula2x32(key: Sequence[Formula], high: Formula, low: Formula) -> tuple[Formula, Formula]:
    """The same as a formula."""
    return rounds(WRITE, lambda value: Literal(value, "u32"), key[0], key[1], high, low)


def key_words(o: Sequence[Formula]) -> list[Formula]:
    return [Load(0, (*o, as_index(word))) for word in (0, 1)]


def check_key(function: str, key: Spec, batch_axes: int) -> None:
    if key.dtype != UINT32:
        raise DTypeError("DTYPE-04", function=function, wanted="a key of two u32 words", found=key)
    if key.rank <= batch_axes or key.shape[-1] != 2:
        raise ShapeError("PRIM-14", function=function, key=key, fix="make one with mt.key(seed)")


@prim
class RandomBits(Constant):
    """A key `u32[b…, 2]` ↦ `u32[b…, *shape]`, bits that look independent and uniform.

    The counter is the row-major position within `shape`, as high and low word; below 2⁶³, so the top bit is clear.
    """

    shape: tuple[int, ...]
    batch_axes: int = 0

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        (key,) = inputs
        check_key(self.name, key, self.batch_axes)
        if key.rank != self.batch_axes + 1:
            facts: dict[str, Any] = {"key": key, "rank": key.rank, "wanted": self.batch_axes + 1}
            raise ShapeError("PRIM-15", function=self.name, **facts, fix="map over an array of keys with mt.vmap")
        return (Spec(UINT32, (*key.shape[:-1], *self.shape)),)

    def eval(self, *inputs: Any) -> Any:
        keys = inputs[0].reshape(-1, 2, 1)
        size = math.prod(self.shape)
        out = np.empty((len(keys), size), np.uint32)
        step = max(1, BLOCK // max(1, len(keys)))
        for start in range(0, size, step):
            position = np.arange(start, min(start + step, size), dtype=np.uint64)
            high, low = (position >> np.uint64(32)).astype(np.uint32), position.astype(np.uint32)
            out[:, start : start + step] = threefry2x32(keys[:, 0], keys[:, 1], high, low)[0]
        return out.reshape((*inputs[0].shape[:-1], *self.shape))

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(RandomBits(self.shape, self.batch_axes + 1), *inputs),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        e = WRITE
        position: Formula = as_index(0)
        for index, extent in zip(o[self.batch_axes :], self.shape, strict=True):
            position = position * extent + index
        high, low = e.cast(e.shift_right(position, as_index(32)), "u32"), e.cast(position, "u32")
        return formula2x32(key_words(o[: self.batch_axes]), high, low)[0]

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls((2, 3)), "u32[2]", special=([1, 2**32 - 1],)),
            case(cls((4,), 1), "u32[3,2]", special=([[0, 0], [1, 2], [2**31, 7]],)),
            case(cls(()), "u32[2]", special=([5, 6],)),
            case(cls((0, 2)), "u32[2]", special=([5, 6],)),
        ]


@prim
class FoldKey(Constant):
    """A key `u32[b…, 2]` and data `i64[b…, s…]` ↦ `u32[b…, s…, 2]`, a new key for every datum.

    The counter is the datum with its top bit set, which no `RandomBits` counter has; so data count modulo 2⁶³.
    """

    arity: ClassVar[int | None] = 2

    batch_axes: int = 0

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        key, data = inputs
        rows = operands(inputs, ("key", "data"))
        check_key(self.name, key, self.batch_axes)
        if data.dtype != INT64:
            raise DTypeError("DTYPE-04", function=self.name, wanted="data of i64", found=data, operands=rows)
        if key.rank != self.batch_axes + 1 or data.shape[: self.batch_axes] != key.shape[:-1]:
            raise ShapeError(
                "PRIM-04", function=self.name, count=self.batch_axes, operands=rows, fix="broadcast them first"
            )
        return (Spec(UINT32, (*data.shape, 2)),)

    def eval(self, *inputs: Any) -> Any:
        key, data = inputs
        k0, k1 = key.reshape(*key.shape[:-1], *(1,) * (data.ndim - self.batch_axes), 2).transpose(-1, *range(data.ndim))
        high = (data >> 32).astype(np.uint32) | np.uint32(TOP_BIT)
        return np.stack(threefry2x32(k0, k1, high, data.astype(np.uint32)), -1)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        if self.batch_axes == 0 and not batched[0]:
            return (bind(self, *inputs),), True
        full = [x if has else SHARED["widen"](extent, x) for x, has in zip(inputs, batched, strict=True)]
        return (bind(FoldKey(self.batch_axes + 1), *full),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        e = WRITE
        data = Load(1, tuple(o[:-1]))
        high = e.bit_or(e.cast(e.shift_right(data, as_index(32)), "u32"), Literal(TOP_BIT, "u32"))
        first, second = formula2x32(key_words(o[: self.batch_axes]), high, e.cast(data, "u32"))
        return e.select(e.equal(o[-1], as_index(0)), first, second)

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(), "u32[2]", "i64[4]", special=([1, 2**32 - 1], [0, 1, -1, 2**40 + 3])),
            case(cls(), "u32[2]", "i64[]", special=([3, 4], 7)),
            case(cls(1), "u32[3,2]", "i64[3]", special=([[0, 0], [1, 2], [2**31, 7]], [0, 0, 5])),
            case(cls(1), "u32[2,2]", "i64[2,3]", special=([[0, 1], [1, 0]], [[0, 1, 2], [0, 1, 2]])),
            case(cls(), "u32[2]", "i64[0]", special=([3, 4], [])),
        ]
