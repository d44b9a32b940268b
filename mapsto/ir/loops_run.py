"""Kernels run by NumPy, statement by statement: what the loops mean. For tests and readers; it is slow.

A value is an array of as many elements as it has lanes. Every access to memory is checked against the buffer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mapsto.core.errors import FormatError, IndexRangeError
from mapsto.core.spec import BOOL, DTYPES
from mapsto.ir.loops import Buffer, Kernel, Let, Load, Loop, Statement, Store, Value, When
from mapsto.ir.loops_words import apply

Numbers = np.ndarray[Any, Any]
GARBAGE = 0xFF  # every byte of scratch at first: NaN, or -1


def run(
    kernel: Kernel,
    arrays: Mapping[str, Numbers],
    sizes: Sequence[int] = (),
    chunk: int = 0,
    *,
    scratch: Numbers | None = None,
    fused: bool = False,
) -> None:
    """One chunk of a kernel, on flat arrays by the names of its buffers, which it changes in place.

    An array may be longer than its buffer says, as those of kernels whose lengths are known at run time only, and is
    what bounds accesses. `scratch`: bytes of work space, else there is as much as the kernel needs. `fused`: whether
    `mul_add` rounds once.

    Raises IndexRangeError (LOOPS-03) for an access outside of an array, masked lanes excepted, and FormatError
    (LOOPS-04) for arrays that are not those of the kernel.

    >>> from mapsto.ir.loops_text import parse
    >>> y = np.zeros(2, np.float32)
    >>> run(parse("kernel ones(y: out f32[2]):\\n  y[0] = f32x2(1.0)"), {"y": y})
    >>> y
    array([1., 1.], dtype=float32)
    """
    machine = Machine(memory_of(kernel, arrays, scratch), fused)
    if len(sizes) != len(kernel.sizes):
        raise FormatError("LOOPS-04", wanted=f"{len(kernel.sizes)} sizes", found=len(sizes))
    for value, number in zip((*kernel.sizes, kernel.chunk), (*sizes, chunk), strict=True):
        machine.values[value] = np.array([number], np.int64)
    with np.errstate(all="ignore"):
        machine.block(kernel.body)


def memory_of(kernel: Kernel, arrays: Mapping[str, Numbers], scratch: Numbers | None) -> dict[Buffer, Numbers]:
    """The array of every buffer; of scratch, a part of the work space."""
    work = [buffer for buffer in kernel.buffers if buffer.role == "scratch"]
    need = max((buffer.offset + buffer.size * DTYPES[buffer.dtype].itemsize for buffer in work), default=0)
    space = np.full(need, GARBAGE, np.uint8) if scratch is None else scratch
    memory: dict[Buffer, Numbers] = {}
    for buffer in kernel.buffers:
        dtype = DTYPES[buffer.dtype]
        wanted = f"{buffer.name}: {buffer.dtype}[{buffer.size}]"
        if buffer.role == "scratch":
            found = space[buffer.offset : buffer.offset + buffer.size * dtype.itemsize].view(dtype)
        elif buffer.name in arrays:
            found = arrays[buffer.name]
        else:
            raise FormatError("LOOPS-04", wanted=wanted, found=", ".join(arrays))
        if found.dtype != dtype or found.ndim != 1 or found.size < buffer.size:
            raise FormatError("LOOPS-04", wanted=wanted, found=f"{found.dtype}{list(found.shape)}")
        memory[buffer] = found.view(np.uint8) if dtype == BOOL else found
    return memory


class Machine:
    """The memory and the values so far."""

    def __init__(self, memory: dict[Buffer, Numbers], fused: bool) -> None:
        self.memory = memory
        self.values: dict[Value, Numbers] = {}
        self.fused = fused

    def block(self, body: Sequence[Statement]) -> None:
        for statement in body:
            match statement:
                case Let(value, _, args, _):
                    self.set(value, apply(statement, [self.values[arg] for arg in args], self.fused))
                case Load():
                    self.load(statement)
                case Store():
                    self.store(statement)
                case Loop():
                    self.loop(statement)
                case When(condition, inner):
                    if self.values[condition][0]:
                        self.block(inner)

    def set(self, value: Value, numbers: Numbers) -> None:
        if numbers.dtype != DTYPES[value.type.dtype] or numbers.shape != (value.type.lanes,):
            raise TypeError(f"{numbers.dtype}{list(numbers.shape)} is not {value.type}")
        self.values[value] = numbers

    def places(self, access: Load | Store, lanes: int) -> tuple[Numbers, Numbers]:
        """Where the mask holds, and the elements that these lanes stand for."""
        elements = self.values[access.offset].astype(np.int64) + access.shift
        if elements.size < lanes:
            elements = elements + np.arange(lanes)
        holds = np.ones(lanes, np.bool_) if access.mask is None else self.values[access.mask]
        elements, size = elements[holds], self.memory[access.buffer].size
        outside = elements[(elements < 0) | (elements >= size)]
        if outside.size:
            raise IndexRangeError("LOOPS-03", element=int(outside[0]), buffer=access.buffer.name, size=size)
        return holds, elements

    def load(self, load: Load) -> None:
        type = load.value.type
        holds, elements = self.places(load, type.lanes)
        found = np.zeros(type.lanes, DTYPES[type.dtype]) if load.fill is None else self.values[load.fill].copy()
        found[holds] = self.memory[load.buffer][elements]  # of truth values every byte but 0 is True
        self.set(load.value, found)

    def store(self, store: Store) -> None:
        holds, elements = self.places(store, store.value.type.lanes)
        self.memory[store.buffer][elements] = self.values[store.value][holds]  # of equal places the last remains

    def loop(self, loop: Loop) -> None:
        current = [self.values[value] for value in loop.initial]
        for index in range(int(self.values[loop.begin][0]), int(self.values[loop.end][0]), loop.step):
            self.values[loop.index] = np.array([index])
            self.values.update(zip(loop.carried, current, strict=True))
            self.block(loop.body)
            current = [self.values[value] for value in loop.yielded]
        self.values.update(zip(loop.results, current, strict=True))
