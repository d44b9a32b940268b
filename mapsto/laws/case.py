"""What is checked, as a function of a flat row of arrays: the numbers of the net and of the examples, each by path."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray, astype
from mapsto.compiler.compile import Compiled, compile
from mapsto.compose.edge import at_the_edge
from mapsto.compose.frame import calling
from mapsto.compose.mapping import Mapping
from mapsto.compose.modes import EvaluationFrame, training
from mapsto.core.errors import MapstoError
from mapsto.core.spec import FLOAT64, Spec, is_float
from mapsto.core.tree import Leaf, Structure, flatten, is_number, rebuild, trainable
from mapsto.transform.call import as_array

Numbers = np.ndarray[Any, Any]
NET = "net"
NAMED = 6  # specs in one line


class DoesNotApply(Exception):
    """Why a law says nothing about a case."""


@dataclass(frozen=True)
class Case:
    """A function with its arguments. `arrays` are the numbers it is tried on; what else the arguments hold stays.

    `apply` maps the arguments by name to the result. `places` says which of the leaves the arrays are.
    """

    function: Any
    apply: Callable[[dict[str, Any]], Any]
    leaves: tuple[Leaf, ...]
    structure: Structure
    places: tuple[int, ...]
    arrays: tuple[Array, ...]

    @property
    def paths(self) -> list[str]:
        """Where each array stands: `net.dense_1.weight`, `x`."""
        return [self.leaves[place].path for place in self.places]

    @property
    def mapping(self) -> Mapping | None:
        return self.function if isinstance(self.function, Mapping) else None

    @property
    def examples(self) -> list[int]:
        """Which of the arrays are of the examples, rather than of the net."""
        own = self.mapping is not None
        return [i for i, path in enumerate(self.paths) if not (own and path.startswith(f"{NET}."))]

    @property
    def differentiated(self) -> list[int]:
        """Which of the arrays have derivatives: parameters, and floats among the examples."""
        return [i for i, place in enumerate(self.places) if trainable(self.leaves[place])]

    @property
    def extent(self) -> int | None:
        """How many rows a batch of examples has; None if they have no axis in common."""
        shapes = [self.arrays[i].shape for i in self.examples]
        extents = {shape[0] if shape else 0 for shape in shapes}
        return extents.pop() if len(extents) == 1 and 0 not in extents else None

    def trees(self, arrays: Sequence[Any]) -> dict[str, Any]:
        """The arguments by name, with these arrays in their places."""
        values = [leaf.value for leaf in self.leaves]
        for place, array in zip(self.places, arrays, strict=True):
            values[place] = array
        return rebuild(self.structure, values)

    def outputs(self, arrays: Sequence[Any]) -> tuple[Array, ...]:
        """The arrays ↦ those of the result; it can be traced."""
        return tuple(as_array(leaf) for leaf in flatten(self.apply(self.trees(arrays)))[0])

    @cached_property
    def program(self) -> Compiled:
        """`outputs`, compiled."""
        return compile(lambda arrays: self.outputs(arrays))

    def result(self, arrays: Sequence[Any] | None = None) -> Any:
        """The arrays, or those given ↦ the result, by the reference."""
        return self.apply(self.trees(self.arrays if arrays is None else arrays))

    def values(self, arrays: Sequence[Any] | None = None) -> dict[str, Numbers]:
        """The same as numbers by path."""
        return numbers_of(self.result(arrays))

    def having(self, changed: dict[int, Array]) -> Case:
        """The same with other arrays at some places."""
        return replace(self, arrays=tuple(changed.get(i, array) for i, array in enumerate(self.arrays)))

    def rows(self, chosen: Any) -> Case:
        """The same for some rows of the batch: a slice, or numbers of rows."""
        return self.having({i: numbered(np.asarray(self.arrays[i])[chosen]) for i in self.examples})

    def widened(self) -> Case:
        """The same in float64. Raises DoesNotApply if the function refuses it."""
        wide = tuple(astype(x, FLOAT64) if is_float(x.dtype) else x for x in self.arrays)
        case = replace(self, arrays=wide)
        try:
            case.values()
        except MapstoError as problem:
            raise DoesNotApply(f"it takes no float64: {problem.headline}") from problem
        return case


def case_of(function: Any, examples: Sequence[Any]) -> Case:
    """A mapping or a function and its arguments ↦ the case, in evaluation mode.

    A compiled function is taken as what it was before, or it would give away the examples that are donated to it.
    """
    function = function.function if isinstance(function, Compiled) else function
    names = argument_names(function, len(examples))
    examples = [asarray(one) if isinstance(one, list) and of_numbers(one) else one for one in examples]
    if not isinstance(function, Mapping):
        return made(function, lambda trees: function(*trees.values()), dict(zip(names, examples, strict=True)))
    given = dict(zip(names, at_the_edge(function, tuple(examples)), strict=True))
    return made(function, evaluated, {NET: function, **given})


def training_case(case: Case, key: Array) -> Case:
    """The case of a mapping ↦ the same in training mode with one key; the result is what the mapping makes."""

    def trained(trees: dict[str, Any]) -> Any:
        net, *given = trees.values()
        return training(net)(key, *given)[0]

    return replace(case, apply=trained)


def evaluated(trees: dict[str, Any]) -> Any:
    net, *given = trees.values()
    with calling(EvaluationFrame()):
        return net(*given)


def made(function: Any, apply: Callable[[dict[str, Any]], Any], trees: dict[str, Any]) -> Case:
    leaves, structure = flatten(trees)
    # Python's integers are sizes and axes more often than numbers, so they stay as they are.
    numbers = [i for i, leaf in enumerate(leaves) if isinstance(leaf.value, (Array, np.ndarray, float, np.floating))]
    arrays = tuple(asarray(leaves[i].value) for i in numbers)
    return Case(function, apply, tuple(leaves), structure, tuple(numbers), arrays)


def of_numbers(value: Any) -> bool:
    """Whether a nested list is of Python's numbers alone, and so stands for an array."""
    if isinstance(value, list):
        return bool(value) and all(map(of_numbers, cast(list[Any], value)))
    return is_number(value)


def argument_names(function: Any, count: int) -> list[str]:
    """What a function calls its first arguments; `x0`, `x1` where it does not say."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    names = [named[i] if i < len(named) else f"x{i}" for i in range(count)]
    return [f"{name}_" if name == NET and isinstance(function, Mapping) else name for name in names]


def numbered(numbers: Any) -> Array:
    """Numbers of NumPy ↦ an array of the same type; a single one of float64 would count as Python's, and be float32."""
    return asarray(np.asarray(numbers))


def numbers_of(result: Any) -> dict[str, Numbers]:
    """A result ↦ its numbers by path; Python's floats in float32, as everywhere."""
    return {leaf.path: np.asarray(asarray(leaf.value).data) for leaf in flatten(result)[0]}


def specs_text(case: Case) -> str:
    """What goes in: the specs of the examples, each with its path."""
    return listed([f"{case.paths[i]} {case.arrays[i].spec}" for i in case.examples])


def result_text(result: dict[str, Numbers]) -> str:
    return listed([str(Spec(array.dtype, array.shape)) for array in result.values()])


def listed(words: Sequence[str]) -> str:
    """Words with commas, the first of many."""
    more = len(words) - NAMED
    return ", ".join([*words[:NAMED], *([f"and {more} more"] if more > 0 else [])]) or "no array"
