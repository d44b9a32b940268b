"""Arguments of one call that share memory, of which one is given away: an error before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.memory import views_among
from mapsto.core.errors import UsageError
from mapsto.core.tree import Structure, join

Numbers = np.ndarray[Any, Any]
Forms = Mapping[str, tuple[Structure, int]]  # every argument's structure and number of leaves, by name

MOST_WORK = 1000  # to find out whether interleaved views meet; where that is too little, they are taken to


def check_aliases(arrays: Sequence[Array], donated: Sequence[int], forms: Forms) -> None:
    """Raise UsageError (COMPILE-05) if a donated array is passed a second time, or a view of its memory is.

    Results that a program found to be equal share one block of memory, which nobody can know who has them; so two
    arrays of the very same block pass. Where none is a view, this takes 50 ns an array.
    """
    views = views_among(arrays)
    if len(set(arrays)) == len(arrays) and not (views and meet(arrays, views)):
        return
    given = frozenset(donated)
    for places in sharing(arrays):
        for place in places:
            for other in places:
                if place in given and other != place and is_alias(arrays[place], arrays[other]):
                    raise aliased(arrays, place, other, given, forms)


def meet(arrays: Sequence[Array], views: Sequence[Array]) -> bool:
    """Whether a view shares memory with another of the arrays: with its owner, or with another view of that."""
    owners = [id(owner_of(view)) for view in views]
    return len({*owners, *(id(array.data) for array in arrays)}) < len(arrays) + len(views)


def sharing(arrays: Sequence[Array]) -> list[list[int]]:
    """The places of arrays that share memory, one list for each owner of memory that several of them lie in."""
    found: dict[int, list[int]] = {}
    for place, array in enumerate(arrays):
        found.setdefault(id(owner_of(array)), []).append(place)
    return [places for places in found.values() if len(places) > 1]


def owner_of(array: Array) -> Numbers:
    """The array of NumPy's in whose memory an array lies, maybe all of it."""
    block = array.data
    while isinstance(block.base, np.ndarray):
        block = block.base
    return block


def is_alias(one: Array, other: Array) -> bool:
    """Whether two arguments are the same array, or one is a view of a part of the other."""
    a, b = one.data, other.data
    return one is other or (a is not b and np.may_share_memory(a, b, MOST_WORK))  # pyright: ignore


def aliased(arrays: Sequence[Array], place: int, other: int, given: frozenset[int], forms: Forms) -> UsageError:
    """The error for a donated array and another argument that is the same or a view of it."""
    paths = [path for name, (structure, _) in forms.items() for path in paths_of(structure, name)]
    first, second = sorted((place, other))
    rows = tuple((paths[i], arrays[i].spec, "donated" if i in given else "") for i in (first, second))
    how = "the same array" if arrays[first] is arrays[second] else "in the same memory"
    fix = f"give one of them memory of its own: {own_memory(paths[second], forms)}; or donate neither"
    return UsageError("COMPILE-05", first=paths[first], second=paths[second], how=how, operands=rows, fix=fix)


def own_memory(path: str, forms: Forms) -> str:
    """How to say that the array at a path is to be copied."""
    copy = f"xp.asarray({path}, copy=True)"
    name, _, inner = path.partition(".")
    in_tree = inner and forms[name][0].form == "tree"
    return f'{name} = mt.replace({name}, {{"{inner}": {copy}}})' if in_tree else copy


def paths_of(structure: Structure, path: str) -> Iterator[str]:
    """The path of every leaf."""
    if structure.form == "leaf":
        yield path
    for name, part in zip(structure.names, structure.parts, strict=True):
        yield from paths_of(part, join(path, str(name)))
