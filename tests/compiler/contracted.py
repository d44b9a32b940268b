"""Kernels of one contraction each, for the tests: compiled, called beside pages that may not be read, and checked."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from mapsto.compiler.contraction import Contraction, Operand, Place, Plan, chunks, plan, write
from mapsto.ir.build import Builder
from mapsto.ir.loops import Buffer, Type, Value
from mapsto.target.host import Host
from mapsto.target.native import load_kernels

WIDTHS = {"wide": (64, 32), "middle": (32, 16), "narrow": (16, 16)}
KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)


def machine(width: str) -> Host:
    return Host("", "", "", *WIDTHS[width])


def guarded(array: np.ndarray) -> np.ndarray:
    """A copy that ends where the next page of memory may not be read."""
    pages = -(-max(1, array.nbytes) // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None)
    assert libc.mprotect(ctypes.c_void_p(start + pages * mmap.PAGESIZE), mmap.PAGESIZE, 0) == 0
    offset = pages * mmap.PAGESIZE - array.nbytes
    view = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    view[...] = array
    return view


def expected(c: Contraction, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The sum of all terms that exist, in the type of the arrays."""
    names = [letter.name for letter in (*c.outs, *c.sums)]
    shape = [c.letter(name).extent for name in names]
    at = dict(zip(names, np.indices(shape, sparse=True), strict=True))
    there = np.ones(shape, bool)
    for guard in c.guards:
        place = sum((coefficient * at[name] for name, coefficient in guard.terms), start=guard.shift)
        there &= (place >= 0) & (place < guard.extent)
    x_at = np.broadcast_to(sum((letter.x * at[letter.name] for letter in c.letters), start=c.x_shift), shape)
    y_at = np.broadcast_to(sum((letter.y * at[letter.name] for letter in c.letters), start=c.y_shift), shape)
    terms = np.zeros(shape, x.dtype)
    terms[there] = x.reshape(-1)[x_at[there]] * y.reshape(-1)[y_at[there]]
    return terms.sum(tuple(range(len(c.outs), len(names))), dtype=x.dtype)


def strides_of(c: Contraction) -> dict[str, int]:
    shape = [letter.extent for letter in c.outs]
    return {letter.name: prod(shape[place + 1 :]) for place, letter in enumerate(c.outs)}


class Compiled:
    """A kernel for one contraction into a dense array.

    `bounded` letters take their range from two integers each; with `cut` the kernel does one chunk; `by_letter` asks a
    place for every letter's index instead of the offset; `change` makes another plan of it; `options` go to `write`.
    """

    def __init__(
        self,
        c: Contraction,
        machine: Host,
        sizes: tuple[int, int],
        bounded: tuple[str, ...] = (),
        cut: int = 0,
        by_letter: bool = False,
        stored: str = "",
        out: Mapping[str, int] | None = None,
        change: Callable[[Plan], Plan] = lambda made: made,
        **options: Any,
    ) -> None:
        self.c, self.out, self.by_letter, self.work = c, out or strides_of(c), by_letter, 0
        self.plan = change(plan(c, machine, self.out, bounded))
        b = self.b = Builder("contraction")
        x, y = (b.buffer(name, stored or c.dtype, count, "in") for name, count in zip("xy", sizes, strict=True))
        self.result = b.buffer("out", c.dtype, prod(letter.extent for letter in c.outs), "out")
        bounds = {name: (b.size(), b.size()) for name in bounded}
        self.chunks = 1
        if cut:
            made = chunks(self.plan, cut)
            self.chunks, bounds = made.count, made.bounds(b, b.chunk)
        read = options.pop("read", None)
        if options.pop("continued", False):
            options["begin"] = self.begin
        write(b, self.plan, Operand(x, None, read), Operand(y), bounds, self.finish, scratch=self.scratch, **options)
        address = load_kernels([b.kernel()])["contraction"]
        self.call = KERNEL(address)

    def scratch(self, dtype: str, size: int) -> Buffer:
        made = self.b.buffer(f"work{self.work}", dtype, size, "scratch", self.work)
        self.work += -(-size * 8 // 64) * 64
        return made

    def where(self, place: Mapping[str, Value]) -> tuple[Value, int]:
        if not self.by_letter and isinstance(place, Place):
            return place.offset(self.out)
        return self.b.affine([(stride, place[name]) for name, stride in self.out.items()]), 0

    def lanes(self, lanes: int, at: tuple[Value, int]) -> Value | None:
        """Where every lane goes, if not one behind the other."""
        name = (self.plan.result or "").split(".")[-1]
        step = self.out.get(name, 1) if lanes > 1 else 1
        if step == 1:
            return None
        type = Type("i64", lanes)
        steps = self.b.op("mul", self.b.lanes(type), self.b.const(step, type))
        return self.b.op("add", self.b.splat(self.b.affine([(1, at[0])], at[1]), lanes), steps)

    def begin(self, place: Mapping[str, Value], lanes: int, mask: Value | None) -> Value:
        at = self.where(place)
        apart = self.lanes(lanes, at)
        if apart is not None:
            return self.b.load(self.result, apart, mask=mask)
        return self.b.load(self.result, at[0], lanes, shift=at[1], mask=mask)

    def finish(self, total: Value, place: Mapping[str, Value], lanes: int, mask: Value | None) -> None:
        at = self.where(place)
        apart = self.lanes(lanes, at)
        if apart is not None:
            self.b.store(self.result, apart, total, mask=mask)
        else:
            self.b.store(self.result, at[0], total, shift=at[1], mask=mask)

    def __call__(
        self, x: np.ndarray, y: np.ndarray, *sizes: int, start: float = 0, into: np.ndarray | None = None
    ) -> np.ndarray:
        numbers = np.dtype(f"{self.c.dtype[0]}{int(self.c.dtype[1:]) // 8}")
        out = guarded(np.full([letter.extent for letter in self.c.outs], start, numbers)) if into is None else into
        work = np.zeros(self.work // 8 + 8)
        slots = np.array([0, x.ctypes.data, y.ctypes.data, out.ctypes.data, *sizes])
        binding = np.arange(1, len(slots))
        for chunk in reversed(range(self.chunks)):
            self.call(slots.ctypes.data, binding.ctypes.data, chunk, work.ctypes.data + -work.ctypes.data % 64)
        return out


def reach(c: Contraction, operand: str) -> int:
    """Elements of an operand: only those that the borders allow, if it moves with all their letters."""
    names = [letter.name for letter in c.letters]
    shape = [letter.extent for letter in c.letters]
    if not prod(shape):
        return 1
    at = dict(zip(names, np.indices(shape, sparse=True), strict=True))
    there = np.ones(shape, bool)
    for guard in c.guards:
        if all(getattr(c.letter(name), operand) for name in guard.names):
            place = sum((coefficient * at[name] for name, coefficient in guard.terms), start=guard.shift)
            there &= (place >= 0) & (place < guard.extent)
    shift = c.x_shift if operand == "x" else c.y_shift
    places = np.broadcast_to(
        sum((getattr(letter, operand) * at[letter.name] for letter in c.letters), start=shift), shape
    )
    assert not there.any() or places[there].min() >= 0
    return int(places[there].max()) + 1 if there.any() else 1
