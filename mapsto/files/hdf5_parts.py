"""The groups and arrays of a stranger's HDF5 file: each once, none that lies elsewhere, bounded in work and memory.

The library itself follows links into other files, goes round in circles, loads code for filters that it does not know,
and unpacks a piece to any size. What it is not asked to do, it does not do.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from itertools import product
from typing import Any

from mapsto.core.lazy import optional
from mapsto.files.container import Refusal, too_deep, too_large
from mapsto.files.stored import Numbers, Stored

h5py = optional("h5py", "keras", "save the weights as .npz: np.savez(path, **arrays)")

MOST_PARTS = 8_000  # names in all groups together: an array takes 0.1 ms to look at
MOST_PIECES = 10_000  # of an array, each of which is looked up
DEEPEST = 64
LONGEST = 300  # letters of a path, or of what an attribute says: many arrays may have the same beginning
LARGEST_PIECE = 32 << 20  # bytes: a packed piece is unpacked whole
DEFLATE, SHUFFLE, CHECKSUM = 1, 2, 3  # the filters that are read, by their numbers in the format


class Walk:
    """A way through the groups of one file, on which no group is met twice."""

    def __init__(self) -> None:
        self.left = MOST_PARTS
        self.seen: set[Any] = set()

    def names(self, group: Any) -> list[str]:
        """The names in a group, none of which is a link to somewhere else. Raises Refusal."""
        if not isinstance(group, h5py.Group):
            raise Refusal("FILE-30", reason=f"{shown(group)} is no group")
        place = h5py.h5o.get_info(group.id).addr
        if place in self.seen:
            raise Refusal("FILE-28", member=shown(group), what="a group that stands elsewhere in it too")
        self.seen.add(place)
        names = [name for name, _ in zip(group.id, range(self.left + 1), strict=False)]
        self.left -= len(names)
        if self.left < 0:
            raise too_large(f"more than {MOST_PARTS} parts", f"{MOST_PARTS}")
        for name in names:
            if b"/" in name or name in (b"", b"."):  # which the library would take for a path
                raise Refusal("FILE-30", reason=f"{shown(group)} has a part called {name!r}"[:200])
            if not is_own(group, name):
                member = f"{shown(group).rstrip('/')}/{name.decode(errors='replace')}"
                raise Refusal("FILE-28", member=member[:100], what="a link")
        return [name.decode() for name in names]

    def arrays(
        self, group: Any, names: list[str], beside: frozenset[str], path: tuple[str, ...] = ()
    ) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
        """Path, group and array for every array below a group that has these names, not counting groups `beside`."""
        if len(path) > DEEPEST:
            raise too_deep("a group")
        for name in names:
            here = (*path, name)
            if sum(map(len, here)) > LONGEST:
                raise too_large(f"a path of more than {LONGEST} letters", f"{LONGEST}")
            part = group[name]
            if isinstance(part, h5py.Dataset):
                yield here, group, part
            elif isinstance(part, h5py.Group) and name not in beside:
                yield from self.arrays(part, self.names(part), beside, here)


def is_own(group: Any, name: bytes) -> bool:
    """Whether what has this name in a group lies in the file. The library is asked for nothing that it would follow."""
    return group.id.links.get_info(name).type == h5py.h5l.TYPE_HARD


def shown(part: Any) -> str:
    return str(part.name)[:100]


def stored(dataset: Any) -> Stored:
    """An array of the file, plain numbers that lie in it. Raises Refusal."""
    made = dataset.id.get_create_plist()  # which says where it lies; its shape may be that of arrays elsewhere
    if made.get_layout() == h5py.h5d.VIRTUAL or made.get_external_count():
        raise Refusal("FILE-28", member=shown(dataset), what="an array that lies in another file")
    filters = [made.get_filter(i)[0] for i in range(made.get_nfilters())]
    if len(set(filters)) < len(filters) or not set(filters) <= {DEFLATE, SHUFFLE, CHECKSUM}:
        raise Refusal("FILE-30", REPACK, reason=f"{shown(dataset)} is packed by the filters {filters}"[:200])
    dtype = dataset.dtype
    shape, chunks = dataset.shape, dataset.chunks
    if shape is None or dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise Refusal("FILE-30", reason=f"{shown(dataset)} is no array of numbers, but {dtype}"[:200])
    if chunks and math.prod(chunks) * dtype.itemsize > LARGEST_PIECE:
        raise too_large(f"{shown(dataset)} in pieces of {chunks}", f"{LARGEST_PIECE} bytes")

    def read() -> Numbers:
        if chunks:
            check_pieces(dataset, DEFLATE in filters)
        return dataset[()].astype(dtype.newbyteorder("="), copy=False)

    return Stored(dtype.newbyteorder("="), tuple(shape), read)


REPACK = "write it without them: h5repack -f NONE old.h5 new.h5"


def check_pieces(dataset: Any, deflated: bool) -> None:
    """The pieces of an array are not many, and none unpacks to more than it is to have. Raises Refusal."""
    count = math.prod(-(-extent // size) for extent, size in zip(dataset.shape, dataset.chunks, strict=True))
    if count > MOST_PIECES:
        raise too_large(f"{shown(dataset)} in {count} pieces", f"{MOST_PIECES}")
    whole = math.prod(dataset.chunks) * dataset.dtype.itemsize
    starts = (range(0, extent, size) for extent, size in zip(dataset.shape, dataset.chunks, strict=True))
    for start in product(*starts):
        packed = dataset.id.get_chunk_info_by_coord(start)
        if not packed.size:  # never written
            continue
        if packed.size > 2 * whole + 1024:
            raise Refusal("FILE-30", reason=f"a piece of {shown(dataset)} has {packed.size} bytes instead of {whole}")
        if deflated and unpacks_beyond(dataset.id.read_direct_chunk(start)[1], whole + 4):
            raise Refusal("FILE-30", reason=f"a piece of {shown(dataset)} unpacks to more than {whole} bytes")


def unpacks_beyond(packed: bytes, most: int) -> bool:
    """Whether deflated bytes are more than `most` when unpacked, which is found out without unpacking them further.

    >>> unpacks_beyond(zlib.compress(bytes(10)), 10), unpacks_beyond(zlib.compress(bytes(11)), 10)
    (False, True)
    """
    try:
        return len(zlib.decompressobj().decompress(packed, most + 1)) > most
    except zlib.error:  # the library will say so, or the piece is stored as it is
        return False
