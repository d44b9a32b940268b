"""Zip archives of strangers, .npz and .keras: read while counting, nothing unpacked to the disk, no name followed."""

from __future__ import annotations

import contextlib
import io
import math
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO, cast

import numpy as np

from mapsto.core.errors import MapstoError
from mapsto.data.npy import header
from mapsto.data.reading import CHUNK, read_at_most
from mapsto.files.container import AGAIN, Refusal, too_large
from mapsto.files.stored import Numbers, Stored

LARGEST_READ = CHUNK  # at once: the list of members is read so, and this has room for ten thousand
ROOM = 64 << 20  # bytes that an archive may unpack to beyond its own size


class Bounded(io.RawIOBase):
    """A file that reads no more than `LARGEST_READ` bytes at once, so that a list of members cannot fill the memory."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def read(self, size: int = -1) -> bytes:
        if size > LARGEST_READ:
            raise too_large(f"a list of members of {size} bytes", f"{LARGEST_READ}")
        return self.file.read(size if size >= 0 else LARGEST_READ)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def seekable(self) -> bool:
        return True


@contextlib.contextmanager
def archive_in(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """An open file ↦ the archive in it, its members checked by name. What zipfile raises becomes a Refusal."""
    try:
        with zipfile.ZipFile(cast(Any, Bounded(file))) as archive:
            seen: set[str] = set()
            for info in archive.infolist():
                check_member(info, seen)
            yield archive
    # Beside its own error, zipfile shows damage in any of these ways; RuntimeError stands for encryption.
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as problem:
        if isinstance(problem, MapstoError):
            raise
        raise Refusal("FILE-29", reason=(str(problem) or type(problem).__name__)[:200]) from problem


def check_member(info: zipfile.ZipInfo, seen: set[str]) -> None:
    """Refuse members that no file of weights has. Raises Refusal."""
    name = info.filename
    parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
    if name.startswith(("/", "\\")) or PureWindowsPath(name).drive:
        what = "an absolute path"
    elif ".." in parts:
        what = "a path out of its folder"
    elif stat.S_ISLNK(info.external_attr >> 16):
        what = "a link"
    elif name in seen:
        what = "a name that appears twice"
    else:
        seen.add(name)
        return
    raise Refusal("FILE-28", member=name[:100], what=what)


def unpacked_member(archive: zipfile.ZipFile, name: str, size: int) -> io.BytesIO:
    """A member of an archive of `size` bytes, unpacked in memory. Raises Refusal for one that unpacks to much more."""
    made, limit = io.BytesIO(), size + ROOM
    with archive.open(name) as member:
        while chunk := member.read(CHUNK):
            if made.tell() + len(chunk) > limit:
                fix = "weights hardly pack at all, and this unpacks to far more than its size; " + AGAIN
                raise Refusal("FILE-23", fix, too_large("", "").kind, found=f"{name} unpacks without end", limit=limit)
            made.write(chunk)
    made.seek(0)
    return made


def arrays_in(archive: zipfile.ZipFile, path: str) -> dict[str, Stored]:
    """An .npz archive ↦ its arrays by name, of which only the headers are read."""
    found: dict[str, Stored] = {}
    for info in archive.infolist():
        with archive.open(info) as member:
            shape, fortran, dtype = header(cast(BinaryIO, member), f"{path}/{info.filename}")
        name = info.filename.removesuffix(".npy")
        if dtype.kind == "U":
            raise Refusal("FILE-21", reason=f"{name[:60]!r} holds words")
        found[name] = Stored(dtype.newbyteorder("="), shape, Member(archive, info, shape, fortran, dtype, path))
    return found


class Member:
    """Reads an array of an archive when called."""

    def __init__(
        self,
        archive: zipfile.ZipFile,
        info: zipfile.ZipInfo,
        shape: tuple[int, ...],
        fortran: bool,
        dtype: np.dtype[Any],
        path: str,
    ) -> None:
        self.archive, self.info, self.path = archive, info, path
        self.shape, self.fortran, self.dtype = shape, fortran, dtype

    def __call__(self) -> Numbers:
        expected = math.prod(self.shape) * self.dtype.itemsize
        with self.archive.open(self.info) as member:
            header(cast(BinaryIO, member), f"{self.path}/{self.info.filename}")
            content = read_at_most(cast(BinaryIO, member), expected + 1)
        if len(content) != expected:
            word = "fewer" if len(content) < expected else "more"
            raise Refusal("FILE-21", reason=f"{self.info.filename[:60]!r} has {word} than its {expected} bytes")
        array = np.frombuffer(content, self.dtype).reshape(self.shape, order="F" if self.fortran else "C")
        return array.astype(self.dtype.newbyteorder("="), copy=False)
