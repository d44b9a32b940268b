"""Keras's weights in HDF5, .h5 and inside .keras, read by h5py alone, of which hdf5_parts asks the least."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from mapsto.core.errors import MapstoError
from mapsto.files.container import Refusal
from mapsto.files.hdf5_heaps import check_heaps
from mapsto.files.hdf5_parts import Walk, h5py, is_own, stored
from mapsto.files.hdf5_texts import Texts
from mapsto.files.layouts import class_of
from mapsto.files.recurrent import cell_of, keras_module
from mapsto.files.stored import Module, Stored, Weights

# What a file holds beside the layers: the optimizer's state, running figures, streams of random numbers.
BESIDE = frozenset(
    ("optimizer", "optimizer_weights", "metrics", "_metrics", "compile_metrics", "loss_tracker", "seed_generator")
)
DIRECTIONS = ("forward_layer", "backward_layer")  # in Keras's Bidirectional
CONTAINERS = {"layers", "_layer_checkpoint_dependencies"}
OLDER = b"model_weights"  # where they stand in a whole model's file
# The library shows damage as any of these.
DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, MemoryError)


@contextlib.contextmanager
def keras_weights(file: BinaryIO) -> Iterator[Weights]:
    """An open HDF5 file ↦ the layers that Keras wrote into it. What h5py raises becomes a Refusal."""
    open_file = h5py.File  # says what to install, if it is not there
    try:
        check_heaps(file)
        with open_file(file, "r") as root:
            walk, texts, top = Walk(), Texts(file), root
            if root.id.links.exists(OLDER) and is_own(root, OLDER):
                top = root[OLDER]
            ordered = "layer_names" in top.attrs
            modules = layers_by_name(walk, texts, top) if ordered else layers_by_class(walk, texts, root)
            arrays = {f"{one.path}.{name}": array for one in modules for name, array in one.arrays.items()}
            yield Weights("keras", arrays, tuple(modules), ordered)
    except DAMAGE as problem:
        if isinstance(problem, MapstoError):
            raise
        raise Refusal("FILE-30", reason=(str(problem) or type(problem).__name__)[:200]) from problem


def layers_by_class(walk: Walk, texts: Texts, root: Any) -> list[Module]:
    """Keras 3: `layers/conv2d_1/vars/0`, the arrays of a layer by number, the layers by class and number."""
    found: dict[tuple[str, ...], dict[str, Stored]] = {}
    given: dict[tuple[str, ...], str] = {}
    around: dict[tuple[str, ...], str] = {}
    for path, group, dataset in walk.arrays(root, walk.names(root), BESIDE):
        if len(path) < 2 or path[-2] != "vars":
            raise Refusal("FILE-30", reason=f"{'/'.join(path)[:100]} stands where Keras has no array")
        place = tuple(part for part in path[:-2] if part not in CONTAINERS) or ("",)
        found.setdefault(place, {})[path[-1]] = stored(dataset)
        if place not in given:
            given[place] = texts.one(group, "name")
        if place[-1] == "cell" and place not in around:
            around[place] = name_of_layer(texts, root, path)
    return [
        module_at(place, arrays, given[place], around.get(place, ""))
        for place, arrays in sorted(found.items(), key=lambda one: tuple(map(in_order, one[0])))
    ]


def module_at(place: tuple[str, ...], arrays: dict[str, Stored], given: str, around: str) -> Module:
    """The arrays at a place of the file ↦ the layer there. A recurrent layer's are those of its cell."""
    cell = next(cell_of((given,)), None) if place[-1] == "cell" else None
    if cell is None:
        return Module(".".join(place), arrays, also=(given,), kind=class_of(given) or class_of(place[-1]))
    outside = place[:-1]
    both = outside[-1:] in [(one,) for one in DIRECTIONS]
    path = ".".join(outside[:-1] if both else outside)
    return keras_module(path, arrays, cell, both, outside[-1:] == (DIRECTIONS[1],), around)


def name_of_layer(texts: Texts, root: Any, path: tuple[str, ...]) -> str:
    """`layers/lstm/cell/vars/0` ↦ the name of the layer that the cell is in; empty if the file does not say."""
    parts = path[:-3]
    parts = parts[:-1] if parts and parts[-1] in DIRECTIONS else parts
    layer = root["/".join(parts)] if parts else root
    if not layer.id.links.exists(b"vars") or not is_own(layer, b"vars"):
        return ""
    return texts.one(layer["vars"], "name")


def in_order(name: str) -> tuple[str, int]:
    """Forward before backward, and else by number."""
    return by_number("" if name == DIRECTIONS[0] else name)


def by_number(name: str) -> tuple[str, int]:
    """`conv2d_10` ↦ ("conv2d", 10), which comes after `conv2d_9`; `conv2d` comes first."""
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if number.isascii() and number.isdigit() and len(number) < 10 else (name, 0)


def layers_by_name(walk: Walk, texts: Texts, root: Any) -> list[Module]:
    """Keras's older files: the layers in order, `dense/…/dense/kernel`, the last part perhaps with `:0`."""
    made: list[Module] = []
    present = set(walk.names(root))
    for name in texts.several(root, "layer_names"):
        if name not in present:
            raise Refusal("FILE-30", reason=f"the layer {name[:60]!r} is listed, and not there")
        inner: dict[tuple[str, ...], dict[str, Stored]] = {}
        layer = root[name]
        for path, _, dataset in walk.arrays(layer, walk.names(layer), BESIDE):
            inner.setdefault(path[:-1], {})[path[-1].removesuffix(":0")] = stored(dataset)
        alone = len(inner) == 1
        for place, arrays in sorted(inner.items(), key=lambda one: is_backward(one[0])):
            cell = next(cell_of(place), None)
            if cell is not None:
                made.append(keras_module(name, arrays, cell, not alone, is_backward(place), ""))
                continue
            made.append(Module(name if alone else ".".join((name, *place)), arrays))
    return made


def is_backward(place: tuple[str, ...]) -> bool:
    """Whether arrays are those of the layer that `Bidirectional` made to read from the last step to the first."""
    return any(part.startswith("backward_") for part in place)
