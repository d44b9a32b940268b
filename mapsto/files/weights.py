"""The weights of a net, without the net: `mt.save_weights(net, path)` and `net.load_weights(file, "backbone.**")`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.numpy

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.compose.declare import Declared
from mapsto.compose.mapping import Mapping
from mapsto.compose.paths import replace
from mapsto.core.errors import StateError, UsageError
from mapsto.core.spec import SHORT_NAMES, is_float
from mapsto.core.tree import Leaf, flatten, matches, select
from mapsto.files.container import Path_, Refusal, refusing, write_whole
from mapsto.files.contents import digest, note_nan
from mapsto.files.match import Names, layers_of, matched, renamed
from mapsto.files.sources import OURS, weights_in
from mapsto.files.stored import Numbers, Stored, Weights

M = TypeVar("M", bound=Mapping)
SHOWN = 6  # names in a row of an error


def save_weights(net: Mapping, path: Path_) -> None:
    """A net ↦ a file of its leaves by path, parameters and states, in the safetensors layout.

    Any program that reads safetensors reads it. The net itself is not in it: `net.load_weights` puts them into one that
    is made the same way. The file is written whole or not at all. What can be asked by itself is written by `mt.save`.

    Raises UsageError (ARG-04) for what is no mapping; StateError (MAP-02) for a net without parameters; FormatError
    (FILE-03, FILE-04) if the file cannot be written.

    >>> import tempfile
    >>> from mapsto import key, nn, xp
    >>> net = nn.Dense(3).init(key(0), xp.ones((1, 4)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(net, folder + "/net.safetensors")
    ...     same = nn.Dense(3).init(key(1), xp.ones((1, 4))).load_weights(folder + "/net.safetensors")
    >>> xp.all(same.weight == net.weight)
    array(True, bool[])
    """
    if not isinstance(net, Mapping):
        fix = "a Learner's net is learner.net"
        raise UsageError("ARG-04", function="mt.save_weights", found=type(net).__name__, fix=fix)
    leaves = {leaf.path: np.asarray(made(leaf).data, order="C") for leaf in flatten(net)[0]}
    content = safetensors.numpy.save(leaves, metadata=OURS)

    def check(written: Path) -> None:
        with weights_in(written) as found:
            for name, array in leaves.items():
                if digest(found.arrays[name].read()) != digest(array):
                    raise Refusal("FILE-12", part=f"tensor {name}")

    with refusing(path):
        write_whole(path, content, check=check)


def made(leaf: Leaf) -> Array:
    """The array at a leaf. Raises StateError (MAP-02) if it is not made yet."""
    if isinstance(leaf.value, Declared):
        raise StateError("MAP-02", fix="call net = net.init(mt.key(0), example) first; a trained net is learner.net")
    return asarray(leaf.value)


def load_weights(net: M, file: Path_, pattern: str = "**", names: Names | None = None) -> M:
    """A net and a file ↦ the net with the file's weights; see `Mapping.load_weights`."""
    if not isinstance(file, str | os.PathLike):
        wanted = "the path of a file"
        raise UsageError("ARG-01", function="load_weights", name="file", value=file, wanted=wanted)
    names = dict(names or {})
    select(net, pattern)  # a pattern that no leaf fits
    wanted = {leaf.path: made(leaf) for leaf in flatten(net)[0] if matches(leaf.path, pattern)}
    with refusing(file), weights_in(file) as weights:
        check_names(names, weights)
        check_targets(names, net)
        found = arrays_for(net, weights, wanted, names)
        found = {name: array for name, array in found.items() if name in wanted or matches(name, pattern)}
        check_fit(wanted, found)
        changes = {name: in_type(name, array.read(), wanted[name]) for name, array in found.items()}
        note_nan(file, changes)
    return replace(net, changes)


def arrays_for(net: Mapping, weights: Weights, wanted: dict[str, Array], names: Names) -> dict[str, Stored]:
    """The arrays of a file by the net's paths."""
    if weights.layout == "mapsto":
        return {renamed(name, names): array for name, array in weights.arrays.items()}
    layers = [layer for layer in layers_of(net) if any(name.startswith(f"{layer.path}.") for name in wanted)]
    if isinstance(net, Mapping) and not layers:  # one layer by itself, whose path is empty
        layers = layers_of(net)
    return matched(layers, weights, names)


def check_names(names: Names, weights: Weights) -> None:
    """Refuse a name that nothing in the file has. Raises Refusal."""
    known = [*weights.arrays, *(one for module in weights.modules for one in (module.path, *module.also))]
    for name in names:
        if name and not any(one == name or one.startswith(name + ".") for one in known):
            there = sorted({module.path for module in weights.modules} or weights.arrays)
            raise Refusal("FILE-32", f"the file has {', '.join(there[:12])}", name=name[:60])


def check_targets(names: Names, net: Any) -> None:
    """Refuse a name for what the net has no such part of. Raises Refusal (FILE-34)."""
    known = [*(leaf.path for leaf in flatten(net)[0]), *(layer.path for layer in layers_of(net))]
    for name, target in names.items():
        if target and not any(one == target or one.startswith(target + ".") for one in known):
            there = ", ".join(sorted({one.rpartition(".")[0] or one for one in known})[:12])
            raise Refusal("FILE-34", f"the net has {there}", name=name[:60], target=target[:60])


def check_fit(wanted: dict[str, Array], found: dict[str, Stored]) -> None:
    """All leaves are there, nothing else is, and shapes and kinds of numbers fit; else all that does not is listed."""
    missing = [f"{name} {array.spec}" for name, array in wanted.items() if name not in found]
    extra = [f"{name} {array}" for name, array in found.items() if name not in wanted]
    other = [
        f"{found[name].own} for {name} {array.spec}" if found[name].own else f"{name} {found[name]} for {array.spec}"
        for name, array in wanted.items()
        if name in found and not fits(found[name], array)
    ]
    if not (missing or extra or other):
        return
    rows = (
        ("missing", missing, "the net has them, and the file does not"),
        ("beyond", extra, "only the file has them"),
        ("unlike", other, "file, and net: of another shape or type"),
    )
    fix = "make the net as it was when its weights were saved; a part of it: net.load_weights(file, 'backbone.**')"
    operands = tuple((name, listed(one), remark) for name, one, remark in rows if one)
    raise Refusal("FILE-26", fix, operands=operands, missing=len(missing), extra=len(extra), other=len(other))


def listed(names: list[str]) -> str:
    return ", ".join(name[:80] for name in names[:SHOWN]) + (
        f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    )


def fits(found: Stored, wanted: Array) -> bool:
    """Whether an array can take a leaf's place: the shape is the same, and the type, if it is not one of floats."""
    same = found.dtype == wanted.dtype or (is_number(found.dtype) and is_float(found.dtype) and is_float(wanted.dtype))
    return found.shape == wanted.shape and same


def is_number(dtype: np.dtype[Any]) -> bool:
    return dtype in SHORT_NAMES


def in_type(name: str, numbers: Numbers, wanted: Array) -> Numbers:
    """The numbers in a leaf's type of floats. Raises Refusal for a number that it does not reach."""
    with np.errstate(over="ignore"):
        cast = numbers.astype(wanted.dtype, copy=False)
    if is_float(wanted.dtype) and not np.array_equal(np.isfinite(cast), np.isfinite(numbers)):
        raise Refusal("FILE-31", "net = net.cast(…) to a type that reaches further", leaf=name, dtype=wanted.dtype)
    return cast
