"""A compiled function's last call, kept ready: the next one is often the same, but for the numbers in plain arrays.

Where a key says what kind of call this is (`fast_path`), here it is enough to see that the trees are those of the last
call, and that arrays have the types and shapes of then.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mapsto.array.array import Array, moves
from mapsto.array.memory import Block, as_block, block_of, in_memory, leaves_in_memory
from mapsto.compiler.in_place import InPlace, can_stay
from mapsto.compiler.traced import Program
from mapsto.core.flat import Build, known
from mapsto.core.tree import Tree

OTHER = object()  # instead of a result: this is another call


@dataclass(frozen=True, slots=True)
class LastCall:
    """Arguments by place ↦ the function's result, or OTHER if they make another call of it.

    It knows the trees by identity, without keeping them alive; of each array the class, type and shape; and that no
    array was moved or given away since. `captured` is what the function closes over.
    """

    trees: Sequence[tuple[int, weakref.ref[Tree]]]  # by the places of the arguments
    arrays: Sequence[tuple[int, type, np.dtype[Any], tuple[int, ...]]]
    captured: Sequence[Block]
    count: int  # of arguments
    after: object  # the last move before: `array.moves.last`
    program: InPlace
    result: Build

    def again(self, args: Sequence[Any]) -> Any:
        if len(args) != self.count:
            return OTHER
        held: list[object] = []  # until the end of the run, even if another thread moves it or gives it away meanwhile
        addresses: list[int] = []  # of what is not in place
        for place, known_tree in self.trees:
            tree = known_tree()
            found = known(tree) if tree is not None and args[place] is tree else None
            placed = None if found is None else found.placed
            if placed is None:  # of a tree, too, that another thread is about to give away
                return OTHER
            held.append(placed)
        for place, kind, dtype, shape in self.arrays:
            array = args[place]
            if array.__class__ is not kind or (kind is Array and array._weak):
                return OTHER
            block = block_in(array)
            numbers, address = block
            if numbers.dtype is not dtype or numbers.shape != shape:
                return OTHER
            held.append(block)  # a copy, if the array is no block itself
            addresses.append(address)
        if moves.last is not self.after:  # asked last: what is held now is where it was then
            return OTHER
        made = self.program.run(addresses)
        return OTHER if made is None else self.result(made)


def ready(args: Sequence[Any], program: Program) -> LastCall | None:
    """The arguments of a call, and its program ↦ the call, ready to be made again; None if it cannot be."""
    trees: list[tuple[int, weakref.ref[Tree]]] = []
    arrays: list[tuple[int, type, np.dtype[Any], tuple[int, ...]]] = []
    held: list[Block] = []  # for all inputs of the program, in their order
    changing: list[int] = []  # places among them of those that each call brings anew
    after = moves.last
    for place, value in enumerate(args):
        if isinstance(value, Tree):
            found = known(value)
            if found is None or found.form.loose:
                return None
            trees.append((place, weakref.ref(value)))
            held += leaves_in_memory(found)[1]
        elif type(value) is np.ndarray or (type(value) is Array and not value.spec.weak):
            block = block_in(value)
            arrays.append((place, type(value), block[0].dtype, block[0].shape))
            changing.append(len(held))
            held.append(block)
        else:
            return None
    if program.native.has_bodies or not can_stay(program.native, changing):  # a loop's run is long beside any key
        return None
    captured = in_memory(program.captured)[0]
    in_place = InPlace(program.native, [*held, *captured], changing)
    return LastCall(trees, arrays, captured, len(args), after, in_place, program.tree)


def block_in(array: Any) -> Block:
    """The numbers of an array, NumPy's or ours."""
    if array.__class__ is np.ndarray:
        return block_of(array)
    block = array._held
    return block if block is not None and block[1] else as_block(array)
