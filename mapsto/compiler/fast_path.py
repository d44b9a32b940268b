"""The fast path of a compiled function: a call like one before is found by a key that costs little to make.

The key says no more than that of the program. It is made without the function's signature and without flattening trees:
of the forms that trees know, and the specs that arrays know. A call whose key is not known yet goes the long way, which
makes it known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mapsto.array.array import Array, donate
from mapsto.array.memory import address_of, lent, move
from mapsto.compiler.aliases import Forms, check_aliases
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
    """An argument of which no key can be made quickly, so that the call must go the long way."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A kind of call that was made before: its program, and the forms of its arguments.

    `donated` are the places, among the program's inputs, of arrays that the call gives away; `copied` those of arrays
    in the user's own memory that are results too, and so need a copy.
    """

    program: Program
    forms: Forms
    donated: Sequence[int]
    copied: Sequence[int]

    def run(self, given: Given, interpreted: bool = False) -> Any:
        """What the call is given ↦ the function's result."""
        program = self.program
        if self.donated:
            check_aliases(given.arrays, self.donated, self.forms)
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
    """The part of a call's key that stands for one traced argument; its arrays are added to what the call is given.

    Raises Unknown.
    """
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
    """A Python or NumPy number ↦ its part of the key: the spec of a weak scalar. Raises Unknown for one too large."""
    spec = WEAK[kind]
    try:
        given.add(Array(np.asarray(value, spec.dtype), True, 0, spec))
    except OverflowError:
        raise Unknown from None
    return spec


def acquaint(value: Any) -> None:
    """Let the outermost trees in an argument remember their leaves and form, so that the next call finds them there.

    Only where all leaves are arrays, which are also aligned.
    """
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
