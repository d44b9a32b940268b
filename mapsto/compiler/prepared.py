"""A call that is made again and again with all but its first array the same: what can be found beforehand is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.memory import Block, block_of, in_memory
from mapsto.compiler.compile import Compiled
from mapsto.compiler.in_place import InPlace, can_stay
from mapsto.compiler.interpret import interpreting
from mapsto.compiler.program import Native

Numbers = np.ndarray[Any, Any]


def prepared(function: Compiled, x: Numbers, *held: Any) -> Callable[[Numbers], Numbers]:
    """A compiled function f and its arguments ↦ the function x ↦ f(x, *held), for arrays of x's type and shape.

    The arrays in `held` are read where they lie, so they must not be donated. Several Python threads may call it.
    Raises what compiling raises, and in its calls what f does.

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
    if not can_stay(native, [0]) or len(native.results) != 1:
        return at_length
    return Prepared(native, x, [*call.arrays[1:], *program.captured], at_length)


class Prepared:
    """A program whose inputs are in place, but for the first: an array ↦ the one result, as a new array."""

    def __init__(self, native: Native, x: Numbers, held: Sequence[Array], at_length: Callable[[Any], Numbers]) -> None:
        self.at_length = at_length
        self.shape, self.dtype = x.shape, x.dtype
        self.held: list[Block] = in_memory(held)[0]  # they stay where they are for as long as they are held here
        self.program = InPlace(native, [block_of(x), *self.held], [0])

    def __call__(self, x: Numbers) -> Numbers:
        if x.shape != self.shape or x.dtype != self.dtype or interpreting():
            return self.at_length(x)
        block = block_of(x)
        made = self.program.run([block[1]])
        return self.at_length(x) if made is None else made[0].data  # which says in our words what is wrong
