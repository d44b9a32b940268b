"""A call that is made again and again with all but its first array the same: what can be found beforehand is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.memory import in_memory
from mapsto.compiler.compile import Compiled
from mapsto.compiler.context import Context
from mapsto.compiler.interpret import interpreting
from mapsto.compiler.outputs import aligned
from mapsto.compiler.program import Native
from mapsto.compiler.traced import Program

Numbers = np.ndarray[Any, Any]
COPIED = 2**14  # bytes of an input that are copied sooner than its address is found: 0.3 µs against 0.8


def prepared(function: Compiled, x: Numbers, *held: Any) -> Callable[[Numbers], Numbers]:
    """A compiled function f and its arguments ↦ the function x ↦ f(x, *held), for arrays of x's type and shape.

    The arrays in `held` are read where they lie, so they must not be donated. Several Python threads may call it, one
    after the other. Raises what compiling raises, and in its calls what f does.

    >>> from mapsto import xp
    >>> from mapsto.compiler.compile import compile
    >>> times = prepared(compile(lambda x, y: x * y), np.ones(2, np.float32), xp.asarray([3.0, 4.0]))
    >>> times(np.array([1.0, 2.0], np.float32))
    array([3., 8.], dtype=float32)
    """

    def at_length(x: Numbers) -> Numbers:
        return np.asarray(function(x, *held))

    call, program = function.prepare((x, *held), {}, lent=True)
    native = program.native
    if not native.alone or len(native.outputs) != 1 or native.passed or len(native.results) != 1:
        return at_length  # the host has a part in it
    return Prepared(program, native, x, [*call.arrays[1:], *program.captured], at_length)


class Prepared:
    """A program whose memory and inputs are in place, but for the first: an array ↦ the one result, as a new array."""

    def __init__(
        self, program: Program, native: Native, x: Numbers, held: Sequence[Array], at_length: Callable[[Any], Numbers]
    ) -> None:
        self.program, self.at_length = program, at_length
        self.launches, self.has_bodies = native.launches, native.has_bodies
        self.shape, self.dtype = x.shape, x.dtype
        self.first = native.inputs[0]
        self.x = aligned(native.specs[self.first]) if x.nbytes <= COPIED else None
        self.held, addresses = in_memory(held)  # they stay where they are for as long as they are held here
        self.context = Context(native.frames)
        self.y = aligned(native.specs[native.outputs[0]])
        self.slots = self.context.slots
        self.slots[native.inputs[1:]] = addresses
        self.slots[native.output_slots] = self.y.ctypes.data
        if self.x is not None:
            self.slots[self.first] = self.x.ctypes.data
        self.running = threading.Lock()

    def __call__(self, x: Numbers) -> Numbers:
        fits = x.shape == self.shape and x.dtype == self.dtype and x.flags.c_contiguous and x.flags.aligned
        if not fits or interpreting():
            return self.at_length(x)
        with self.running:
            if self.x is not None:
                self.x[...] = x
            else:
                self.slots[self.first] = x.ctypes.data
            if self.has_bodies:
                self.context.renew()
            for launch in self.launches:
                launch.run(self.slots)
            self.context.anew[0] = 0
            failed = 0 in self.context.flags
            y = self.y.copy()
        return self.at_length(x) if failed else y  # which says in our words what is wrong
