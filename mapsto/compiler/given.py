"""What a call is given, as it is collected for its run: blocks of memory, or arrays where some of them are donated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.array.memory import Block, as_block, block_of, in_memory, leaves_in_memory, lent
from mapsto.core.flat import Known


class Blocks:
    """Where the arguments' numbers lie, in the order of the program's inputs: blocks, and their addresses once more."""

    __slots__ = ("addresses", "blocks", "trees")
    arrays: Sequence[Array] = ()

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.addresses: list[int] = []
        self.trees: list[int] = []  # whose leaves are among them, by identity

    def add(self, array: Array) -> None:
        """An array. Raises DonatedError for one that was given away before."""
        block = array._held  # pyright: ignore[reportPrivateUsage]
        if block is None or not block[1]:
            block = as_block(array)
        self.blocks.append(block)
        self.addresses.append(block[1])

    def lend(self, data: np.ndarray[Any, Any]) -> None:
        """An array of NumPy's, for the call alone, so without a copy."""
        block = block_of(data)
        self.blocks.append(block)
        self.addresses.append(block[1])

    def add_leaves(self, tree: Known) -> None:
        """The leaves of a tree; of one that was met before, in a single step."""
        _, blocks, addresses = leaves_in_memory(tree)
        self.blocks += blocks
        self.addresses += addresses
        self.trees.append(id(tree))

    def copy(self, place: int) -> None:
        """Put a copy in the place of one that is a result, too."""
        self.blocks[place] = block = as_block(asarray(self.blocks[place][0], copy=True))
        self.addresses[place] = block[1]

    def in_memory(self, captured: Sequence[Array]) -> tuple[list[Block], list[int]]:
        """Blocks and addresses of all, and then of arrays that the function closed over."""
        for array in captured:
            self.add(array)
        return self.blocks, self.addresses


class Arrays:
    """The same as arrays, of which some can be given away."""

    __slots__ = ("arrays",)
    trees: Sequence[int] = ()

    def __init__(self, arrays: Sequence[Array] = ()) -> None:
        self.arrays: list[Array] = [*arrays]

    def add(self, array: Array) -> None:
        self.arrays.append(array)

    def lend(self, data: np.ndarray[Any, Any]) -> None:
        self.arrays.append(lent(data))

    def add_leaves(self, tree: Known) -> None:
        tree.placed = None  # which would hold memory that may be given away
        self.arrays += tree.leaves

    def copy(self, place: int) -> None:
        self.arrays[place] = asarray(self.arrays[place].data, copy=True)

    def in_memory(self, captured: Sequence[Array]) -> tuple[list[Block], list[int]]:
        return in_memory([*self.arrays, *captured])


Given = Blocks | Arrays
