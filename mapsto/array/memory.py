"""Where arrays lie: their numbers as blocks of memory, and the addresses of these, as native code takes them."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mapsto.array.array import Array, moves
from mapsto.core.flat import Known

Block = tuple[np.ndarray[Any, Any], int]  # numbers one behind the other, and where they begin


def in_memory(arrays: Sequence[Array]) -> tuple[list[Block], list[int]]:
    """Arrays ↦ the numbers of each as one block of memory, and the addresses once more by themselves.

    The blocks stay where they are for as long as they are held, even if an array is given away meanwhile. Raises
    DonatedError for one that was given away before.
    """
    held = [array._held or as_block(array) for array in arrays]  # pyright: ignore[reportPrivateUsage]
    addresses = [address for _, address in held]
    if 0 in addresses:
        for place, address in enumerate(addresses):
            if not address:
                held[place] = block = as_block(arrays[place])
                addresses[place] = block[1]
    return held, addresses


def leaves_in_memory(tree: Known) -> tuple[object, list[Block], list[int]]:
    """The same of a tree's leaves, behind the last move that it was found after. The tree keeps it."""
    placed, last = tree.placed, moves.last
    if placed is None or placed[0] is not last:
        tree.placed = placed = (last, *in_memory(tree.leaves))
    return placed


def views_among(arrays: Sequence[Array]) -> list[Array]:
    """The arrays, out of some, that are views of another's memory. Raises DonatedError for one that was given away."""
    try:
        return [x for x in arrays if isinstance(x._held[0].base, np.ndarray)]  # pyright: ignore
    except TypeError:  # twice as fast as asking each whether it has its numbers
        return [x for x in arrays if isinstance(x.data.base, np.ndarray)]


def lent(data: np.ndarray[Any, Any]) -> Array:
    """An array of NumPy's ↦ one in the same memory, for as long as nobody writes there."""
    return Array(data, False, address_of(data) if is_block(data) else 0)


def is_block(data: np.ndarray[Any, Any]) -> bool:
    """Whether the numbers lie one behind the other, each at a multiple of its size."""
    flags = data.flags
    return flags.carray or (flags.c_contiguous and flags.aligned)


def as_block(array: Array) -> Block:
    """An array ↦ its numbers as one block of memory, and its address. It keeps both, so they are made once."""
    data = array.data
    array._held = found = block_of(data)  # pyright: ignore[reportPrivateUsage]
    return found


def block_of(data: np.ndarray[Any, Any]) -> Block:
    """Numbers ↦ the block of memory that they are; a copy, if they are none."""
    if not is_block(data):
        data = np.array(data, order="C")
    return data, address_of(data)


def move(array: Array, memory: np.ndarray[Any, Any]) -> None:
    """Copy an array's numbers to other memory of its type and shape, which is its own from now on."""
    np.copyto(memory, array.data)
    moves.last = object()
    array._held = (memory, address_of(memory))  # pyright: ignore[reportPrivateUsage]


def by_asking(data: np.ndarray[Any, Any]) -> int:
    """The address of an array's numbers, asked of NumPy: 0.7 µs."""
    return data.ctypes.data


def by_looking(data: np.ndarray[Any, Any]) -> int:
    """The same in 0.1 µs, read from the object: its first word behind the head that all Python objects have."""
    return _word_at(id(data) + HEAD).value


_word_at = ctypes.c_size_t.from_address
HEAD = object.__basicsize__  # bytes


def way_of_finding() -> Callable[[np.ndarray[Any, Any]], int]:
    """By looking, where objects are known to be like that: in CPython, if it finds what NumPy says."""
    if sys.implementation.name != "cpython":
        return by_asking
    numbers = np.arange(6.0)
    return by_looking if all(by_looking(x) == by_asking(x) for x in (numbers, numbers[3:])) else by_asking


address_of = way_of_finding()
