"""Keras's weights in HDF5, .h5 and inside .keras, read by h5py alone: plain groups and arrays, no link is followed."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, BinaryIO

from mapsto.core.errors import MapstoError
from mapsto.core.lazy import optional
from mapsto.files.container import Refusal, too_deep, too_large
from mapsto.files.layouts import class_of
from mapsto.files.recurrent import cell_of, keras_module
from mapsto.files.stored import Module, Numbers, Stored, Weights

h5py = optional("h5py", "keras", "save the weights as .npz: np.savez(path, **arrays)")

MOST_PARTS = 20_000
DEEPEST = 64
LARGEST_CHUNK = 32 << 20  # bytes: a packed piece is unpacked whole
# What a file holds beside the layers: the optimizer's state, running figures, streams of random numbers.
BESIDE = {"optimizer", "optimizer_weights", "metrics", "_metrics", "compile_metrics", "loss_tracker", "seed_generator"}
DIRECTIONS = ("forward_layer", "backward_layer")  # in Keras's Bidirectional
CONTAINERS = {"layers", "_layer_checkpoint_dependencies"}


@contextlib.contextmanager
def keras_weights(file: BinaryIO) -> Iterator[Weights]:
    """An open HDF5 file ↦ the layers that Keras wrote into it. What h5py raises becomes a Refusal."""
    open_file = h5py.File  # says what to install, if it is not there
    try:
        with open_file(file, "r") as root:
            legacy = root["model_weights"] if "model_weights" in plain_names(root) else root
            if "layer_names" in legacy.attrs:
                modules, ordered = layers_by_name(legacy), True
            else:
                modules, ordered = layers_by_class(root), False
            arrays = {f"{one.path}.{name}": array for one in modules for name, array in one.arrays.items()}
            yield Weights("keras", arrays, tuple(modules), ordered)
    # The library shows damage as any of these.
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as problem:
        if isinstance(problem, MapstoError):
            raise
        raise Refusal("FILE-30", reason=(str(problem) or type(problem).__name__)[:200]) from problem


def plain_names(group: Any) -> list[str]:
    """The names in a group, none of which is a link to somewhere else. Raises Refusal."""
    names = [name for name, _ in zip(group, range(MOST_PARTS + 1), strict=False)]
    if len(names) > MOST_PARTS:
        raise too_large(f"more than {MOST_PARTS} parts", f"{MOST_PARTS}")
    for name in names:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise Refusal("FILE-28", member=f"{group.name}/{name}"[:100], what="a link")
    return names


def arrays_below(group: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Path, group and array for every array below a group, not counting what is kept beside the layers."""
    left = [MOST_PARTS]

    def walk(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
        if len(path) > DEEPEST:
            raise too_deep("a group")
        for name in plain_names(group):
            left[0] -= 1
            if left[0] < 0:
                raise too_large(f"more than {MOST_PARTS} parts", f"{MOST_PARTS}")
            part = group[name]
            if isinstance(part, h5py.Dataset):
                yield (*path, name), group, part
            elif isinstance(part, h5py.Group) and name not in BESIDE:
                yield from walk(part, (*path, name))

    return walk(group, ())


def stored(dataset: Any) -> Stored:
    """An array of the file, plain numbers that lie in it. Raises Refusal."""
    name = str(dataset.name)[:100]
    if dataset.external or dataset.is_virtual:
        raise Refusal("FILE-28", member=name, what="an array that lies in another file")
    if dataset.shape is None or dataset.dtype.kind not in "biuf" or dataset.dtype.itemsize > 8:
        raise Refusal("FILE-30", reason=f"{name} is no array of numbers, but {dataset.dtype}")
    if dataset.chunks and math.prod(dataset.chunks) * dataset.dtype.itemsize > LARGEST_CHUNK:
        raise too_large(f"{name} in pieces of {dataset.chunks}", f"{LARGEST_CHUNK} bytes")

    def read() -> Numbers:
        return dataset[()].astype(dataset.dtype.newbyteorder("="), copy=False)

    return Stored(dataset.dtype.newbyteorder("="), tuple(dataset.shape), read)


def layers_by_class(root: Any) -> list[Module]:
    """Keras 3: `layers/conv2d_1/vars/0`, the arrays of a layer by number, the layers by class and number."""
    found: dict[tuple[str, ...], dict[str, Stored]] = {}
    given: dict[tuple[str, ...], str] = {}
    around: dict[tuple[str, ...], str] = {}
    for path, group, dataset in arrays_below(root):
        if len(path) < 2 or path[-2] != "vars":
            raise Refusal("FILE-30", reason=f"{'/'.join(path)[:100]} stands where Keras has no array")
        place = tuple(part for part in path[:-2] if part not in CONTAINERS) or ("",)
        found.setdefault(place, {})[path[-1]] = stored(dataset)
        given[place] = str(group.attrs.get("name", ""))
        if place[-1] == "cell":
            around.setdefault(place, name_of_layer(root, path))
    return [
        module_at(place, arrays, given[place], around.get(place, ""))
        for place, arrays in sorted(found.items(), key=lambda one: tuple(map(in_order, one[0])))
    ]


def module_at(place: tuple[str, ...], arrays: dict[str, Stored], given: str, around: str) -> Module:
    """The arrays at a place of the file ↦ the layer there. A recurrent layer's are those of its cell."""
    cell = next(cell_of((given,)), None) if place[-1] == "cell" else None
    if cell is None:
        return Module(".".join(place), arrays, also=(given,), kind=class_of(given) or class_of(place[-1]))
    both = len(place) > 2 and place[-2] in DIRECTIONS
    path = ".".join(place[: -2 if both else -1])
    return keras_module(path, arrays, cell, both, place[-2] == DIRECTIONS[1], around)


def name_of_layer(root: Any, path: tuple[str, ...]) -> str:
    """`layers/lstm/cell/vars/0` ↦ the name of the layer that the cell is in, if it is in one by itself."""
    parts = path[:-3]
    group = root["/".join((*(parts[:-1] if parts[-1] in DIRECTIONS else parts), "vars"))]
    return str(group.attrs.get("name", ""))


def in_order(name: str) -> tuple[str, int]:
    """Forward before backward, and else by number."""
    return by_number("" if name == DIRECTIONS[0] else name)


def by_number(name: str) -> tuple[str, int]:
    """`conv2d_10` ↦ ("conv2d", 10), which comes after `conv2d_9`; `conv2d` comes first."""
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if number.isascii() and number.isdigit() and len(number) < 10 else (name, 0)


def layers_by_name(root: Any) -> list[Module]:
    """Keras's older files: the layers in order, `dense/…/dense/kernel`, the last part perhaps with `:0`."""
    made: list[Module] = []
    names = [text_of(name) for name in root.attrs["layer_names"]]
    present = set(plain_names(root))
    for name in names:
        if name not in present:
            raise Refusal("FILE-30", reason=f"the layer {name[:60]!r} is listed, and not there")
        inner: dict[tuple[str, ...], dict[str, Stored]] = {}
        for path, _, dataset in arrays_below(root[name]):
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


def text_of(name: Any) -> str:
    return name.decode("utf-8") if isinstance(name, bytes) else str(name)
