"""What is run natively: phases of tasks, tasks of chunks, instructions between them, as tables that the driver reads.

All chunks of a phase may run at once, by any thread; a phase begins when the one before it is done. Chunks are a
function of shapes alone, so it makes no difference to the result how many threads there are or which does what.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from mapsto.target.instructions import ENTRY, Instruction, Label, code
from mapsto.target.state import CHUNKS_MOST
from mapsto.target.threads import block, functions, pool


@dataclass(frozen=True)
class Task:
    """One kernel over its chunks: `kernel(slots, binding, chunk, scratch)` for every chunk 0 … chunks − 1.

    `address` is the kernel's; parameter i of the kernel is `slots[binding[i]]`.
    """

    address: int
    binding: tuple[int, ...]
    chunks: int


@dataclass(frozen=True)
class Phase:
    """Tasks that may run at once; a `light` phase is done by the thread that comes to it first, all by itself."""

    tasks: tuple[Task, ...]
    light: bool = False

    @property
    def chunks(self) -> int:
        return sum(task.chunks for task in self.tasks)


Part = Phase | Instruction | Label


class _Own(threading.local):
    """The calling thread's own work space."""

    size = 0
    address = 0
    memory: np.ndarray | None = None

    def grow(self, size: int) -> int:
        self.memory, self.address = block(size)
        self.size = size
        return self.address


_own = _Own()


class Launch:
    """Phases in their order, ready to run any number of times, by several Python threads at once too.

    `scratch_bytes` is the work space that every thread gets. A `small` launch stays on the calling thread, and keeps
    Python's lock: for what takes less time than to wake somebody (25 µs). A `short` one only keeps the lock. `pause` is
    the first of the two slots of its `pause` instructions, if it has such: then it runs in slices of some 50 ms, and
    Python hears signals in between.

    >>> from mapsto.target.native import load
    >>> ir = '''
    ... define void @square(ptr %slots, ptr %binding, i64 %chunk, ptr %scratch) {
    ...   %number = load i64, ptr %binding
    ...   %slot = getelementptr ptr, ptr %slots, i64 %number
    ...   %array = load ptr, ptr %slot
    ...   %at = getelementptr i64, ptr %array, i64 %chunk
    ...   %x = load i64, ptr %at
    ...   %y = mul i64 %x, %x
    ...   store i64 %y, ptr %at
    ...   ret void
    ... }'''
    >>> launch = Launch([Phase((Task(load(ir, ["square"])["square"], (0,), 5),))], small=True)
    >>> array = np.arange(5)
    >>> launch.run(np.array([array.ctypes.data]))
    >>> array
    array([ 0,  1,  4,  9, 16])
    """

    def __init__(
        self,
        parts: Sequence[Part],
        scratch_bytes: int = 0,
        small: bool = False,
        pause: int | None = None,
        short: bool = False,
    ) -> None:
        self.parts = tuple(parts)
        self.scratch_bytes = scratch_bytes
        self.small, self.short = small, short
        self.pause = pause
        self.slice = SLICE  # what its turns may cost until it pauses
        self.shared = any(isinstance(part, Phase) and not part.light for part in parts)
        most = max((part.chunks for part in parts if isinstance(part, Phase)), default=0)
        assert most <= CHUNKS_MOST, f"{most} chunks in a phase, more than threads can count"
        self._tables = list(tables(self.parts))  # the program holds their addresses
        self._program = self._tables[0].ctypes.data
        self._last: tuple[np.ndarray | None, int] = (None, 0)
        self._functions = functions()

    def run(self, slots: np.ndarray) -> None:
        """Run all phases: `i64[n]`, the program's addresses and run-time integers.

        The array is read as it is when the run begins and must not be changed during it. Instructions change it.
        """
        last, address = self._last
        if last is not slots:  # to ask for the address takes longer than all the rest of a small run
            address = slots.ctypes.data
            self._last = (slots, address)
        size = self.scratch_bytes
        scratch = _own.address if _own.size >= size else _own.grow(size)
        if self.pause is not None:
            self.in_slices(slots, self.pause, address, scratch)
        elif self.small:
            self._functions.brief(self._program, address, scratch)
        elif self.shared:
            pool().run(self._program, address, scratch, size, self.short)
        else:
            self._functions.alone(self._program, address, scratch)

    def bound(self, slots: np.ndarray) -> Callable[[], None]:
        """The same as a function for slots that stay where they are: for a short launch with little around it."""
        if self.pause is not None or self.small or not (self.shared and self.short):
            return partial(self.run, slots)
        program, address, size = self._program, slots.ctypes.data, self.scratch_bytes

        def run() -> None:
            scratch = _own.address if _own.size >= size else _own.grow(size)
            workers = pool()
            if size <= workers.room:
                workers.run_brief(workers.address, program, address, scratch)
            else:
                workers.run(program, address, scratch, size, short=True)

        return run

    def call(self, program: int, slots: int, scratch: int) -> None:
        """Run what does not keep Python's lock, from an entry on."""
        if self.shared:
            pool().run(program, slots, scratch, self.scratch_bytes)
        else:
            self._functions.alone(program, slots, scratch)

    def in_slices(self, slots: np.ndarray, pause: int, address: int, scratch: int) -> None:
        """Run until a pause, and go on from there. A slice that took too long, or ended too soon, changes the next."""
        call: Callable[[int, int, int], Any] = self._functions.brief if self.small else self.call
        program = self._program
        while program:
            slots[pause : pause + 2] = self.slice, 0
            began = time.perf_counter()
            call(program, address, scratch)
            program = int(slots[pause + 1])
            took = time.perf_counter() - began
            if program and not SECONDS / 2 < took < SECONDS * 2:
                self.slice = int(self.slice * min(max(SECONDS / took, 0.1), 4.0)) + 1


SECONDS = 0.05  # of a slice, about
SLICE = 2**31  # operations and bytes of the first one


def tables(parts: Sequence[Part]) -> Iterator[np.ndarray]:
    """What a launch consists of ↦ its table, then what it points to; their layout stands in `target.driver`."""
    kept = [rows_of(part) for part in parts if isinstance(part, Phase)]
    yield np.array(entries_of(parts, [rows.ctypes.data for rows, _ in kept]), np.int64)
    for rows, bindings in kept:
        yield from (rows, *bindings)


Word = TypeVar("Word", int, str)


def entries_of(parts: Sequence[Part], rows: Sequence[Word]) -> list[tuple[int | Word, ...]]:
    """What a launch consists of, and for every phase the address of its chunks' table ↦ the entries of its table."""
    places: dict[Label, int] = {}
    real = [part for part in parts if not isinstance(part, Phase) or part.chunks]  # else there is nothing to wait for
    count = 0
    for part in real:
        if isinstance(part, Label):
            places[part] = count
        else:
            count += 1
    addresses = dict(zip((id(part) for part in parts if isinstance(part, Phase)), rows, strict=True))
    entries: list[tuple[int | Word, ...]] = []
    for part in real:
        if isinstance(part, Phase):
            address = addresses[id(part)]
            entries.append((code("do"), address, part.chunks, 0) if part.light else (part.chunks, address, 0, 0))
        elif isinstance(part, Instruction):
            c = part.c if part.to is None else ENTRY * (places[part.to] - len(entries))
            entries.append((code(part.kind), part.a, part.b, c))
    return [*entries, (code("end"), 0, 0, 0)]


def rows_of(phase: Phase) -> tuple[np.ndarray, list[np.ndarray]]:
    """A phase ↦ the table of its chunks, and the bindings it points to."""
    bindings = [np.array(task.binding, np.int64) for task in phase.tasks]
    rows = [
        (task.address, binding.ctypes.data, chunk, 0)
        for task, binding in zip(phase.tasks, bindings, strict=True)
        for chunk in range(task.chunks)
    ]
    return np.array(rows, np.int64), bindings
