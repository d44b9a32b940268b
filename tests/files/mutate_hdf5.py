"""HDF5 files as no Keras writes them: strange arrays, links, attributes and groups beside the usual ones.

As in mutate.py, what stands in a file is drawn from a source of choices. What lies outside the file, and is never to be
opened, is named `elsewhere`.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.files.mutate import Source, changed_bytes

PLACES = [
    "",
    "layers",
    "layers/dense",
    "layers/dense/vars",
    "model_weights",
    "model_weights/dense",
    "optimizer",
    "new/a",
]
NAMES = ["0", "1", "2", "vars", "kernel:0", "dense", "layers", "model_weights", "..", "é", "x" * 3000, "\udcff", "a b"]
TYPES: list[Any] = [
    "f4", ">f4", "f8", "f2", "i1", ">i8", "u8", "?", "c8", "S5", "V3", "f16", "(3,)f4", [("a", "f4"), ("b", "S2")],
    h5py.string_dtype(), h5py.vlen_dtype(np.int32), h5py.ref_dtype, h5py.regionref_dtype, h5py.enum_dtype({"a": 1}),
    h5py.opaque_dtype("M8[s]"),
]  # fmt: skip
SHAPES: list[tuple[int, ...]] = [
    (2, 1), (1,), (2, 1), (1,), (), (0,), (0, 5), (2**40,), (2**31, 2**31), (2**62, 2), (1,) * 32, (10_000,), (3, 3)
]  # fmt: skip
PIECES: list[Any] = [None, True, (1,), (2, 1), (1, 1), (2**20,), (2**23,), (2**13, 2**12), (2**29,)]
FILTERS = [1, 2, 3, 4, 5, 6, 32000, 32001, 305, 60000]  # deflate, shuffle, … and some that are not there


def strange_file(source: Source, elsewhere: Path) -> bytes:
    """A file that is sound HDF5, mostly, and perhaps no weights."""
    image = io.BytesIO()
    versions = [("earliest", "latest"), ("latest", "latest"), ("v108", "v110")][source.below(3)]
    with h5py.File(image, "w", libver=versions, track_order=bool(source.below(2))) as file:
        usual(file, source)
        for _ in range(1 + source.below(4)):
            with contextlib.suppress(*REFUSED):
                CHANGES[source.below(len(CHANGES))](file, source, elsewhere)
    made = image.getvalue()
    return changed_bytes(made, source) if source.below(6) == 1 else made


# How h5py says that it does not write such a thing.
REFUSED = (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError, MemoryError)


def usual(file: Any, source: Source) -> None:
    """A dense layer f32[2] ↦ f32[1], as Keras writes one now, or did."""
    kernel, bias = np.ones((2, 1), np.float32), np.ones(1, np.float32)
    kind = source.below(3)
    if kind == 0:
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = kernel, bias
        file["layers/dense/vars"].attrs["name"] = "dense"
    else:
        root = file if kind == 1 else file.create_group("model_weights")
        root["dense/dense/kernel:0"], root["dense/dense/bias:0"] = kernel, bias
        root.attrs["layer_names"] = [b"dense"]


def group_in(file: Any, source: Source) -> Any:
    return file.require_group(PLACES[source.below(len(PLACES))] or "/")


def name_in(source: Source) -> str:
    return NAMES[source.below(len(NAMES))]


def afresh(group: Any, name: str) -> str:
    """The name, free again if something had it."""
    if name in group:
        del group[name]
    return name


def an_array(file: Any, source: Source, elsewhere: Path) -> None:
    """Of any type, shape and storage; mostly without any number in it."""
    group, shape = group_in(file, source), SHAPES[source.below(len(SHAPES))]
    dtype = TYPES[source.below(len(TYPES))]
    options: dict[str, Any] = {"chunks": PIECES[source.below(len(PIECES))]}
    if source.below(2):
        options |= {"compression": ("gzip", "lzf", "szip")[source.below(3)], "shuffle": bool(source.below(2))}
        options["fletcher32"] = bool(source.below(2))
    if source.below(4) == 1:
        options["maxshape"] = (None,) * len(shape)
    if source.below(4) == 1:
        options["fillvalue"] = 7
    made = group.create_dataset(afresh(group, name_in(source)), shape, dtype, **options)
    few = max(made.size, math.prod(made.chunks or ())) < 10_000  # numbers that would be written
    if source.below(2) and few and made.dtype.kind in "biuf":
        made[...] = 1


def an_array_of_a_filter(file: Any, source: Source, elsewhere: Path) -> None:
    """Packed by a filter by its number, and filled with whatever bytes it would unpack."""
    group, plist = group_in(file, source), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 1))
    for _ in range(1 + source.below(3)):
        number = FILTERS[source.below(len(FILTERS))]
        plist.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (source.below(9),))
    name = afresh(group, name_in(source)).encode("utf-8", "surrogateescape")
    made = h5py.h5d.create(group.id, name, h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((2, 1)), plist)
    made.write_direct_chunk((0, 0), source.raw(1 + source.below(200)), source.below(4))


def nothing_at_all(file: Any, source: Source, elsewhere: Path) -> None:
    """An array without a shape, a type by itself, or one that is stored in the object's head."""
    group, kind = group_in(file, source), source.below(3)
    name = afresh(group, name_in(source))
    if kind == 0:
        group[name] = h5py.Empty(TYPES[source.below(len(TYPES))])
    elif kind == 1:
        group[name] = np.dtype(TYPES[source.below(5)])
    else:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(SHAPES[source.below(4)])
        h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F64BE, space, plist)


def an_array_elsewhere(file: Any, source: Source, elsewhere: Path) -> None:
    """One whose numbers lie in another file: raw bytes, or parts of arrays."""
    group, shape = group_in(file, source), SHAPES[source.below(4)]
    name = afresh(group, name_in(source))
    if source.below(2):
        group.create_dataset(name, shape, "f4", external=[(str(elsewhere), source.below(9), 8)])
        return
    layout = h5py.VirtualLayout(shape, "f4", maxshape=(None,) * len(shape))
    given = (str(elsewhere), ".", f"{elsewhere}%b")[source.below(3)]
    part = h5py.VirtualSource(given, "layers/dense/vars/0", shape, maxshape=(None,) * len(shape))
    if source.below(2):
        layout[0 : h5py.h5s.UNLIMITED] = part[0 : h5py.h5s.UNLIMITED]
    else:
        layout[...] = part
    group.create_virtual_dataset(name, layout)


def a_link(file: Any, source: Source, elsewhere: Path) -> None:
    """Soft, to another file, or a second name: of a group above, or of an array."""
    group, name, kind = group_in(file, source), name_in(source), source.below(4)
    target = PLACES[source.below(len(PLACES))]
    afresh(group, name)
    if kind == 0:
        group[name] = h5py.SoftLink(f"/{target}" if source.below(2) else name)
    elif kind == 1:
        group[name] = h5py.ExternalLink(str(elsewhere), f"/{target}")
    else:
        group[name] = file[target or "/"] if kind == 2 else file["layers/dense/vars/0"]


def a_circle(file: Any, source: Source, elsewhere: Path) -> None:
    """A group with many names of its own or of those above."""
    group = group_in(file, source)
    for number in range(1 + source.below(40)):
        group[f"again{number}"] = group if source.below(2) else group.parent


def many(file: Any, source: Source, elsewhere: Path) -> None:
    """Names of one array, or groups in groups, or groups beside groups."""
    group, kind, count = group_in(file, source), source.below(3), 1 + source.below(150)
    name = NAMES[source.below(len(NAMES))]
    if kind == 0:
        first = group.create_dataset("first", (1,), "f4")
        for number in range(count):
            group[f"{name}{number}"] = first
    for number in range(count if kind else 0):
        made = group.create_group(f"{name}{number}")
        group = made if kind == 1 else group


def an_attribute(file: Any, source: Source, elsewhere: Path) -> None:
    """What is read of them, `layer_names` and `name`, of any kind."""
    group = group_in(file, source)
    name = ("layer_names", "name", "weight_names")[source.below(3)]
    kind = source.below(9)
    if kind == 0:
        group.attrs.create(name, None, SHAPES[source.below(6)], TYPES[source.below(len(TYPES))])
    elif kind == 1:
        group.attrs[name] = ["dense"] * (1 + source.below(2000))
    elif kind == 2:
        group.attrs[name] = np.array([b"dense"] * (1 + source.below(2000)))
    elif kind == 3:
        group.attrs[name] = np.array([source.raw(5), b"\xff\xfe", b""])
    elif kind == 4:
        group.attrs[name] = h5py.Empty("S1")
    elif kind == 5:
        group.attrs[name] = np.arange(source.below(5000)).astype("f8")
    elif kind == 6:
        group.attrs[name] = "x" * source.below(60000)
    elif kind == 7:
        group.attrs[name] = file.ref
    else:
        group.attrs[name] = np.array([name_in(source).encode("utf-8", "ignore") for _ in range(3)])


def in_its_place(file: Any, source: Source, elsewhere: Path) -> None:
    """An array where a group is looked for."""
    name = ("layers", "model_weights", "dense", "layers/dense", "layers/dense/vars", "model_weights/dense")[
        source.below(6)
    ]
    made = file.create_dataset(afresh(file, name), SHAPES[source.below(len(SHAPES))], "f4", chunks=True)
    if source.below(2):
        made.attrs["layer_names"] = [b"dense"]


CHANGES: list[Callable[[Any, Source, Path], None]] = [
    an_array, an_array, an_array_of_a_filter, nothing_at_all, an_array_elsewhere, a_link, a_circle, many,
    an_attribute, in_its_place,
]  # fmt: skip
