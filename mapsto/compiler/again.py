"""Calls like one before: found by a key that is quickly made, of forms that trees know and specs that arrays know.

The key says no more than that of the program, and costs less: it is made without the function's signature and
without taking trees apart. A call whose key is not known goes the long way, and then its key is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mapsto.array.array import Array, donate
from mapsto.array.memory import address_of, lent, move
from mapsto.compiler.aliases import Forms, check_apart
from mapsto.compiler.given import Given
from mapsto.compiler.memory import ALIGNED
from mapsto.compiler.outputs import aligned
from mapsto.compiler.traced import Program
from mapsto.core.flat import form_of, known, tell
from mapsto.core.spec import BOOL, FLOAT64, INT64, SHORT_NAMES, DType, Spec
from mapsto.core.static import static_key
from mapsto.core.tree import Tree, containers, flatten

# The element types of Python's and NumPy's numbers, as `convert.weak` has them, where every value has room.
INTEGERS = (int, np.int64, np.int32, np.int16, np.int8, np.uint32, np.uint16, np.uint8)
NUMBERS: dict[type, DType] = {
    **dict.fromkeys((bool, np.bool_), BOOL),
    **dict.fromkeys(INTEGERS, INT64),
    **dict.fromkeys((float, np.float64, np.float32, np.float16), FLOAT64),
}
WEAK = {kind: Spec(dtype, (), weak=True) for kind, dtype in NUMBERS.items()}
PLAIN = (type(None), str)
MOVED = (2**12, 2**26)  # bytes of what is worth moving: not what is in the first cache anyway, nor in none


class Unknown(Exception):
    """A value that must go the long way."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A program, the forms of a call's arguments, and places among the inputs: of arrays that a call gives away, and
    of those in memory of the user's that are results too, so that these need a copy."""

    program: Program
    forms: Forms
    donated: Sequence[int]
    copied: Sequence[int]

    def run(self, given: Given, interpreted: bool = False) -> Any:
        """What the call is given ↦ the function's result."""
        program = self.program
        if self.donated:
            check_apart(given.arrays, self.donated, self.forms)
        for place in self.copied:
            given.copy(place)
        if interpreted:
            made = program.interpreted([*given.arrays, *program.captured])
        else:
            made = program.run(*given.in_memory(program.captured))
        result = program.tree(made)
        if self.donated:
            self.consume(given.arrays)  # at the very end: a call that fails leaves its arguments as they were
        return result

    def consume(self, arrays: Sequence[Array]) -> None:
        """Donated arrays are gone after a successful call, unless the function closed over them."""
        kept = set(map(id, self.program.captured))
        donate([arrays[place] for place in self.donated if id(arrays[place]) not in kept])


def key_of(values: Sequence[Any], named: Mapping[str, Any], static: frozenset[Any], given: Given) -> Any:
    """Arguments by place and by name ↦ the key of the call; the arrays in them are added to what it is given.

    `static` holds the places and names of static arguments. Raises Unknown.
    """
    tokens: list[Any] = [len(values), *named]
    for place, value in (*enumerate(values), *named.items()):
        tokens.append(static_key(value) if place in static else token(value, given))
    return tuple(tokens)


def token(value: Any, given: Given) -> Any:
    """What a program has to know of a traced argument beforehand; its arrays are added to what the call is given."""
    kind: Any = value.__class__
    if kind is np.ndarray:
        given.lend(value)
        return (value.dtype, value.shape)
    if kind is Array:
        given.add(value)
        data = value.data  # a spec would take as long as all the rest, where the array is new
        return (data.dtype, data.shape, value._weak)  # pyright: ignore[reportPrivateUsage]
    if kind in NUMBERS:
        return number_token(value, kind, given)
    if issubclass(kind, Tree):
        found = known(value)
        if found is None:
            raise Unknown
        given.add_leaves(found)
        return found.form.token() if found.form.loose else found.form
    if issubclass(kind, dict):
        return (kind, tuple(value), *[token(part, given) for part in value.values()])
    if issubclass(kind, (tuple, list)):
        return (kind, *[token(part, given) for part in value])
    if kind in PLAIN:
        return (kind, value)
    raise Unknown


def number_token(value: Any, kind: type, given: Given) -> Spec:
    spec = WEAK[kind]
    try:
        given.add(Array(np.asarray(value, spec.dtype), True, 0, spec))
    except OverflowError:
        raise Unknown from None
    return spec


def acquaint(value: Any) -> None:
    """Tell the outermost trees in an argument what their leaves are, where these are arrays and nothing changes."""
    if isinstance(value, Tree):
        if known(value) is None:
            leaves, structure = flatten(value)
            arrays = [leaf.value for leaf in leaves]
            if all(type(array) is Array for array in arrays):
                form = form_of(structure, [array.spec for array in arrays])
                if form is not None:
                    for array in arrays:
                        align(array)
                    tell(value, form, arrays)
        return
    for _, part in containers(value) or ():
        acquaint(part)


def align(array: Array) -> None:
    """Move an array that many calls will read to the beginning of a cache line, if it does not begin at one.

    NumPy's arrays begin at multiples of 16 bytes, so that every full vector lies across two lines. A vector times a
    matrix out of the second cache takes a tenth less without.
    """
    data = array.data
    if MOVED[0] <= data.nbytes <= MOVED[1] and address_of(data) % ALIGNED:
        move(array, aligned(array.spec))


def borrowed(value: Any) -> Array | None:
    """A NumPy array that a program can read where it is, for the time of a call ↦ an array in its memory."""
    return lent(value) if value.__class__ is np.ndarray and value.dtype in SHORT_NAMES else None
