"""Recording a function for its derivative: the arguments opened as inputs, a run with values, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import cast
from mapsto.array.manipulate import zeros
from mapsto.array.trace import Frame, Traced, tracing
from mapsto.core.errors import MapstoError, ShapeError, UsageError
from mapsto.core.spec import FLOAT32, Spec, is_float
from mapsto.core.tree import Leaf, Structure, containers, flatten, is_leaf, is_number, join, rebuild, trainable
from mapsto.ir.graph import Graph, Var
from mapsto.transform.call import as_array, result_leaves


@dataclass(frozen=True)
class Argument:
    """One differentiated argument: its leaves, which of them are inputs, and its structure."""

    leaves: list[Leaf]
    chosen: list[bool]
    structure: Structure

    def inputs(self) -> list[Leaf]:
        return [leaf for leaf, one in zip(self.leaves, self.chosen, strict=True) if one]


class Inputs:
    """The differentiated arguments of a call, opened in a frame: floats and parameters become inputs."""

    def __init__(self, frame: Frame, trees: Sequence[Any]) -> None:
        self.traced: list[Traced] = []
        self.arguments: list[Argument] = []
        self.opened: list[Any] = []
        for tree in trees:
            leaves, structure = flatten(tree)
            chosen = [trainable(leaf) for leaf in leaves]
            opened = [self.open(frame, leaf) if one else leaf.value for leaf, one in zip(leaves, chosen, strict=True)]
            self.opened.append(rebuild(structure, opened, differentiated=True))
            self.arguments.append(Argument(leaves, chosen, structure))

    def open(self, frame: Frame, leaf: Leaf) -> Traced:
        array = as_array(leaf)
        self.traced.append(frame.input(array.spec, array))
        return self.traced[-1]

    def close(self, derivatives: Sequence[Array]) -> list[Any]:
        """One derivative for each input ↦ trees like the arguments, with None at what was not differentiated."""
        pairs = zip(derivatives, self.traced, strict=True)
        remaining = iter([cast(d, FLOAT32) if x.spec.weak else d for d, x in pairs])
        return [
            rebuild(argument.structure, [next(remaining) if one else None for one in argument.chosen])
            for argument in self.arguments
        ]


@dataclass(frozen=True)
class Recorded:
    """A run of a function: what went in, what came out, the rest of its result, and the frame that kept the values."""

    frame: Frame
    inputs: Inputs
    outputs: list[Var]
    leaves: list[Leaf]
    structure: Structure
    rest: Any

    @property
    def graph(self) -> Graph:
        return self.frame.graph([x.variable for x in self.inputs.traced], self.outputs)

    @property
    def wrt(self) -> range:
        """The positions of the differentiated inputs in the graph."""
        return range(len(self.inputs.traced))


def record(
    transform: str,
    trees: Sequence[Any],
    call: Callable[..., Any],
    split: Callable[[Any], tuple[Any, Any]] = lambda result: (result, None),
) -> Recorded:
    """Run `call` on trees opened as inputs. `split` parts its result into what is differentiated and the rest.

    Raises UsageError if there is no float in any of the trees.
    """
    with tracing(keeps_values=True) as frame:
        inputs = Inputs(frame, trees)
        if not inputs.traced:
            leaves = [leaf for argument in inputs.arguments for leaf in argument.leaves]
            refuse_constants(transform, trees[0] if trees else None, leaves)
            names = ", ".join(type(tree).__name__ for tree in trees[:4]) or "no argument"
            found = ", ".join(str(as_array(leaf).spec) for leaf in leaves[:4]) or names
            fix = "differentiate with respect to floats; xp.astype(x, xp.float32) makes them"
            raise UsageError("GRAD-01", transform=transform, found=found, fix=fix)
        result, rest = split(call(*inputs.opened))
        arrays, structure = result_leaves(result)
        outputs = [frame.var_of(array) for array in arrays]
    return Recorded(frame, inputs, outputs, flatten(rebuild(structure, arrays))[0], structure, rest)


def refuse_constants(transform: str, tree: Any, leaves: Sequence[Leaf]) -> None:
    """Raise UsageError for a mapping whose floats are all plain arrays: it probably was to declare one."""
    plain = [leaf for leaf in leaves if leaf.kind == "array" and is_float(as_array(leaf).dtype)]
    if plain and all(leaf.kind == "array" for leaf in leaves):
        name = plain[0].path.rsplit(".", 1)[-1]
        fix = f"what trains is declared: self.{name} = mt.param({as_array(plain[0]).shape}, nn.ones), then net.init"
        rows = tuple((leaf.path, as_array(leaf).spec, "a constant") for leaf in plain[:6])
        raise UsageError("GRAD-10", transform=transform, name=type(tree).__name__, operands=rows, fix=fix)


def tangents_of(transform: str, arguments: Sequence[Argument], trees: Any) -> list[Array]:
    """A tuple of one direction for each argument ↦ one array for each differentiated input; what is missing is zero.

    Raises UsageError for another number of directions, or one of another structure.
    """
    if not isinstance(trees, (tuple, list)) or len(trees) != len(arguments):
        count = len(trees) if isinstance(trees, (tuple, list)) else 1
        fix = "give one tangent for each argument"
        raise UsageError("GRAD-08", transform=transform, tangents=count, arguments=len(arguments), fix=fix)
    pairs = zip(arguments, trees, strict=True)
    return [array for one, tree in pairs for array in directions("tangent", one.inputs(), one.leaves, tree)]


def directions(what: str, like: Sequence[Leaf], known: Sequence[Leaf], tree: Any) -> list[Array]:
    """A tree of tangents or cotangents ↦ one array for each leaf of `like`, matched by path; what is missing is zero.

    Raises UsageError for a path that is not among `known`, ShapeError for another shape.
    """
    given = {leaf.path: leaf.value for leaf in flatten(tree)[0]}
    unknown = sorted(set(given) - {leaf.path for leaf in known})
    if unknown:
        paths = ", ".join(leaf.path for leaf in known[:8])
        fix = f"the paths are {paths}" if paths else "give one array, as it is, and no tuple, list or dict of them"
        raise UsageError("GRAD-09", what=what, part=unknown[0] or "(the whole)", fix=fix)
    given.update(statics(tree, ""))  # a word in place of an array is not nothing: it is refused
    for leaf in known:
        spec, value = as_array(leaf).spec, given.get(leaf.path)
        if leaf.kind == "plain" and not is_float(spec.dtype) and not (value is None or is_whole(value)):
            raise unlike(what, spec, value, "an integer does not move: put None in its place, or cast it to a float")
    return [direction(what, as_array(leaf).spec, given.get(leaf.path)) for leaf in like]


def is_whole(value: Any) -> bool:
    """Whether a tangent is of integers, such as `xp.zeros_like` makes for an integer argument."""
    return (is_leaf(value) or is_number(value)) and not is_float(as_array(value).dtype)


def unlike(what: str, spec: Spec, value: Any, fix: str) -> MapstoError:
    """The error for a part of a direction that has another shape than what it belongs to, or is no array."""
    known = is_leaf(value) or is_number(value)
    rows = (("there", spec, ""), (what, as_array(value).spec if known else type(value).__name__, ""))
    return (ShapeError if known else UsageError)("GRAD-14", what=what, operands=rows, fix=fix)


def statics(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Path and value of everything in a tree that is neither a leaf nor has parts."""
    named = containers(tree)
    if named is not None:
        for name, part in named:
            yield from statics(part, join(path, name))
    elif not (is_leaf(tree) or is_number(tree)):
        yield path, tree


def direction(what: str, spec: Spec, value: Any) -> Array:
    if value is None:
        return zeros(spec.shape, dtype=spec.dtype)
    if not (is_leaf(value) or is_number(value)) or as_array(value).shape != spec.shape:
        raise unlike(what, spec, value, f"a {what} is an array in the shape of what it belongs to")
    return cast(as_array(value), spec.dtype)
