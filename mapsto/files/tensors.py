"""The safetensors layout, checked before anything is made of it, and held in memory once.

length of header: u64 | header: JSON, name ↦ dtype, shape, place | the numbers, one tensor behind the other
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from mapsto.core.spec import DTYPES, Spec
from mapsto.files.container import LARGEST_HEADER, Refusal, strict_json, too_large

# What safetensors calls the element types.
TENSOR_TYPES = {"BOOL": "bool", **{name.upper(): name for name in DTYPES if name != "bool"}}
KEYS = {"dtype", "shape", "data_offsets"}
METADATA = "__metadata__"


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: its spec, and its bytes from `begin` to `end` behind the header."""

    spec: Spec
    begin: int
    end: int


def length_of(start: bytes, size: int) -> int:
    """The first eight of `size` bytes ↦ the length of the header that follows. Raises Refusal."""
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > size - 8:
        raise Refusal("FILE-21", reason="their own header is longer than the tensors")
    if length > LARGEST_HEADER:
        raise too_large(f"a header of {length} bytes for the tensors", f"{LARGEST_HEADER}")
    return length


def places_of(text: bytes, room: int) -> tuple[dict[str, Place], dict[str, Any]]:
    """The header, and the number of bytes behind it ↦ the place of every tensor in order, and the metadata.

    The tensors fill the room without hole or overlap. Raises Refusal.
    """
    if not text.startswith(b"{"):
        raise Refusal("FILE-21", reason="their own header is no JSON object")
    entries = strict_json(text, "the tensors' own header")
    metadata = entries.pop(METADATA, {})
    if not isinstance(metadata, dict):
        raise Refusal("FILE-21", reason="their metadata is no JSON object")
    places = {name: place_of(name, entry) for name, entry in entries.items()}
    places = dict(sorted(places.items(), key=lambda one: (one[1].begin, one[1].end)))
    end = 0
    for name, place in places.items():
        if place.begin != end:
            what = "overlaps another" if place.begin < end else "leaves a hole before it"
            raise Refusal("FILE-21", reason=f"{name[:60]!r} {what}")
        end = place.end
    if end != room:
        raise Refusal("FILE-21", reason=f"by their own header they have {end} bytes, and here are {room}")
    return places, metadata


def place_of(name: str, entry: Any) -> Place:
    """What the header says of one tensor ↦ its place. Raises Refusal."""
    shown = repr(name[:60])
    if not isinstance(entry, dict) or set(entry) != KEYS:
        raise Refusal("FILE-21", reason=f"{shown} is to have the keys {', '.join(sorted(KEYS))}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in TENSOR_TYPES:
        raise Refusal("FILE-21", reason=f"{shown} has the element type {str(dtype)[:20]!r}, which is not known here")
    if not (are_sizes(shape) and are_sizes(offsets) and len(offsets) == 2 and len(shape) <= 64):
        raise Refusal("FILE-21", reason=f"{shown} has no shape, or no place")
    element = DTYPES[TENSOR_TYPES[dtype]]
    if math.prod(shape) * element.itemsize != offsets[1] - offsets[0]:
        reason = f"{shown} of the shape {shape} does not fill its {offsets[1] - offsets[0]} bytes"
        raise Refusal("FILE-21", reason=reason[:200])
    return Place(Spec(element, tuple(shape)), *offsets)


def are_sizes(value: Any) -> bool:
    """Whether a value is a list of whole numbers from 0 on; True is none."""
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 2**62 for one in value)


def next_numbers(file: BinaryIO, spec: Spec, size: int) -> np.ndarray[Any, Any]:
    """The array that comes next in a file of `size` bytes, read-only; held once, and nowhere else. Raises Refusal."""
    array = np.empty(spec.shape, spec.dtype)
    room = array.reshape(-1).view(np.uint8)
    got = 0
    while got < room.size:
        count = file.readinto(room[got:].data)  # pyright: ignore[reportAttributeAccessIssue]
        if not count:
            raise Refusal("FILE-10", size=size, wanted=file.tell() + room.size - got)
        got += count
    if spec.dtype == np.bool_ and room.size and room.max() > 1:
        raise Refusal("FILE-21", reason="a truth value is neither 0 nor 1")
    if sys.byteorder == "big":
        array = array.byteswap()
    array.flags.writeable = False
    return array
