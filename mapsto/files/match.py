"""Which of a file's layers is which of the net's, and what its arrays are called here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mapsto.compose.mapping import Mapping
from mapsto.core.tree import containers, direct_leaves, fields, is_leaf, join, meta_of
from mapsto.files.container import Refusal
from mapsto.files.layouts import LAYERS, Known, Named, as_it_is, class_of, flattened_rows
from mapsto.files.recurrent import BOTH, owner
from mapsto.files.stored import Module, Numbers, Stored, Weights
from mapsto.nn.recurrent import Recurrent

Names = dict[str, str]  # a path in the file ↦ a path in the net
KEEPING = ("BatchNorm", "LayerNorm", "PReLU")  # layers of features that leave them in their order


@dataclass(frozen=True, eq=False)
class Layer:
    """A mapping of the net that has leaves of its own; `flat` is the shape of what its input was flattened from."""

    path: str
    mapping: Mapping
    flat: tuple[int, ...] | None
    both: bool = False  # a recurrent layer that reads in two directions

    @property
    def kind(self) -> str:
        """Its class as Keras writes it."""
        return (self.known.keras if self.known else "") + (BOTH if self.both else "")

    @property
    def known(self) -> Known | None:
        return LAYERS.get(type(self.mapping).__name__)


def layers_of(net: Any) -> list[Layer]:
    """The layers of a net in the order in which they stand in it."""
    made: list[Layer] = []
    flat: tuple[int, ...] | None = None

    def walk(value: Any, path: str) -> None:
        """Add the layers in a part of the net; `flat` is the shape that the last Flatten before them had."""
        nonlocal flat
        kind = type(value).__name__
        if isinstance(value, Mapping) and kind == "Flatten":
            recorded = meta_of(value).specs
            shape = recorded[0][0].shape if recorded else ()
            flat = shape if len(shape) > 1 else flat
        if isinstance(value, Mapping) and any(direct_leaves(fields(value))):
            made.append(Layer(path, value, flat if kind in (*KEEPING, "Dense") else None))
            flat = flat if kind in KEEPING else None
        if isinstance(value, Recurrent):
            for name, way in value.ways():
                made.append(Layer(join(path, name), way, None, bool(value.backward)))
            return
        for name, part in containers(value) or ():
            if not is_leaf(part):
                walk(part, join(path, name))

    walk(net, "")
    return made


def renamed(path: str, names: Names) -> str:
    """A path in the file ↦ the net's, by the longest of the names that it begins with; "" stands before every path."""
    fitting = [name for name in names if not name or path == name or path.startswith(name + ".")]
    if not fitting:
        return path
    longest = max(fitting, key=len)
    return ".".join(filter(None, (names[longest], path[len(longest) :].strip("."))))


def matched(layers: list[Layer], weights: Weights, names: Names) -> dict[str, Stored]:
    """The arrays of a file of another framework, by the net's paths and in its layout. Raises Refusal."""
    found: dict[str, Stored] = {}
    for module, layer in pairs(layers, weights, names):
        for name, array in leaves_of(module, layer, weights.layout):
            found[name] = array
    return found


def pairs(layers: list[Layer], weights: Weights, names: Names) -> list[tuple[Module, Layer | None]]:
    """Every module of the file, with the layer that it is, if there is one. Raises Refusal (FILE-27)."""
    same = by_path(layers, weights, names)
    if names or len({layer.path for _, layer in same if layer}) == len(layers):
        return same
    if weights.ordered:
        return [(module, layers[i] if i < len(layers) else None) for i, module in enumerate(weights.modules)]
    order = by_class(layers, weights.modules) if weights.layout == "keras" else None
    if order is None:
        theirs = ", ".join(module.path or "(none)" for module in weights.modules[:20])
        ours = ", ".join(layer.path for layer in layers[:20])
        first = weights.modules[0].path if weights.modules else "…"
        fix = f"say which is which: names={{{first!r}: {layers[0].path if layers else '…'!r}, …}}"
        raise Refusal("FILE-27", fix, operands=(("file", theirs[:300], ""), ("net", ours[:300], "")))
    return order


def by_path(layers: list[Layer], weights: Weights, names: Names) -> list[tuple[Module, Layer | None]]:
    """Modules that are called as a layer of the net is, by `names` or by themselves.

    Keras numbers its layers from `dense`, `dense_1`, a chain here from `dense_1`: names of its own making say nothing,
    unless `names` speaks of them.
    """
    at = {layer.path: layer for layer in layers}
    made: list[tuple[Module, Layer | None]] = []
    for module in weights.modules:
        own = [module.path, *filter(None, module.also)]
        if names:
            called = [renamed(path, names) for path in own]
        else:
            called = [path for path in own if weights.layout != "keras" or not class_of(owner(path).rpartition(".")[2])]
        made.append((module, next((at[path] for path in called if path in at), None)))
    return made


def by_class(layers: list[Layer], modules: tuple[Module, ...]) -> list[tuple[Module, Layer | None]] | None:
    """Keras numbers layers by class in their order, and so does a chain: modules and layers, class by class.

    None where that says nothing: where they are not equally many of every class, within every part of the net.
    """
    theirs = [(owner(module.path).rpartition(".")[0], module.kind) for module in modules]
    ours = [(owner(layer.path).rpartition(".")[0], layer.kind) for layer in layers]
    if len({part for part, _ in theirs}) == len({part for part, _ in ours}) == 1:  # whatever these parts are called
        theirs, ours = [("", kind) for _, kind in theirs], [("", kind) for _, kind in ours]
    if Counter(theirs) != Counter(ours):
        return None
    left = {key: iter([layer for layer, its in zip(layers, ours, strict=True) if its == key]) for key in ours}
    return [(module, next(left[key])) for module, key in zip(modules, theirs, strict=True)]


def leaves_of(module: Module, layer: Layer | None, layout: str) -> Iterator[tuple[str, Stored]]:
    """The arrays of a module under the net's paths, turned; those that the layer has no place for, under their own."""
    if layer is None or layer.known is None:
        path = module.path if layer is None else layer.path
        yield from ((join(path, name), array) for name, array in module.arrays.items())
        return
    own = dict(direct_leaves(fields(layer.mapping)))
    expected = [named for named in layer.known.leaves if named.ours in own]
    for i, named in enumerate(expected):
        their_name = named.pytorch if layout == "pytorch" else named.keras
        for name in (their_name, str(i)):
            if name in module.arrays:
                array = module.arrays[name]
                made = turned(array, named, layer, layout)
                here = "" if made.shape == array.shape else f", which is {list(made.shape)} here,"
                yield join(layer.path, named.ours), replace(made, own=f"{join(module.path, name)} {array}{here}")
                break
    taken = {named.pytorch if layout == "pytorch" else named.keras for named in expected}
    taken |= set(map(str, range(len(expected))))
    yield from ((join(module.path, name), array) for name, array in module.arrays.items() if name not in taken)


def turned(array: Stored, named: Named, layer: Layer, layout: str) -> Stored:
    """An array of the file in our layout; as it is, where its shape cannot be turned, so that the error shows it."""
    turn = named.from_pytorch if layout == "pytorch" else named.from_keras
    is_output = type(layer.mapping).__name__ == "Dense" and named.ours == "bias"
    flat = layer.flat if layout == "pytorch" and not is_output else None
    wanted = dict(direct_leaves(fields(layer.mapping)))[named.ours]

    def made(numbers: Numbers) -> Numbers:
        ours = turn(numbers, layer.mapping)
        if flat is None or ours.ndim == 0 or ours.shape[0] != math.prod(flat):
            return ours
        return flattened_rows(ours, flat)

    if turn is as_it_is and flat is None:
        return array
    if math.prod(array.shape) != wanted.size:
        return array
    try:
        shape = made(np.zeros(array.shape, np.int8)).shape  # as many bytes as the layer here has numbers
    except ValueError:
        return array
    return Stored(array.dtype, shape, lambda: made(array.read()))
