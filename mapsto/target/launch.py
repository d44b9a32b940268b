"""What is run natively: phases of tasks, tasks of chunks, as tables that the driver reads.

All chunks of a phase may run at once, by any thread; a phase begins when the one before it is done. Chunks are a
function of shapes alone, so it makes no difference to the result how many threads there are or which does what.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

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
    """Tasks that may run at once."""

    tasks: tuple[Task, ...]


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
    Python's lock: for what takes less time than to wake somebody (25 µs).

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

    def __init__(self, phases: Sequence[Phase], scratch_bytes: int = 0, small: bool = False) -> None:
        self.phases = tuple(phases)
        self.scratch_bytes = scratch_bytes
        self.small = small
        self._tables = list(tables(self.phases))  # the program holds their addresses
        self._program = self._tables[0].ctypes.data
        self._last: tuple[np.ndarray | None, int] = (None, 0)
        self._brief = functions().brief

    def run(self, slots: np.ndarray) -> None:
        """Run all phases: `i64[n]`, the program's addresses and run-time integers.

        The array is read as it is when the run begins and must not change during it.
        """
        last, address = self._last
        if last is not slots:  # to ask for the address takes longer than all the rest of a small run
            address = slots.ctypes.data
            self._last = (slots, address)
        size = self.scratch_bytes
        scratch = _own.address if _own.size >= size else _own.grow(size)
        if self.small:
            self._brief(self._program, address, scratch)
        else:
            pool().run(self._program, address, scratch, size)


def tables(phases: Sequence[Phase]) -> Iterator[np.ndarray]:
    """Phases ↦ the launch's table, then what it points to; their layout stands in `target.driver`."""
    kept = []
    program = []
    for phase in phases:
        rows = []
        for task in phase.tasks:
            binding = np.array(task.binding, np.int64)
            kept.append(binding)
            rows += [(task.address, binding.ctypes.data, chunk, 0) for chunk in range(task.chunks)]
        if rows:  # else there is nothing to wait for
            table = np.array(rows, np.int64)
            kept.append(table)
            program.append((len(rows), table.ctypes.data))
    yield np.array([*program, (0, 0)], np.int64)
    yield from kept
