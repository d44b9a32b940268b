"""The file's outer layout (docs/format.md), read with a limit before every allocation, and written all or nothing.

magic | version: u8 | length of header: u64 | header: JSON in UTF-8 | SHA-256 of header | blob: safetensors
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from mapsto.core.errors import FormatError, LimitError, MapstoError
from mapsto.files.leftovers import held, remove_leftovers, temporary_for

MAGIC = b"mapsto\0"
VERSION = 1
PREFIX = len(MAGIC) + 1 + 8  # bytes before the header
DIGEST = 32
LARGEST_HEADER = 4 << 20
# Of one JSON text: read, half a million empty lists take 36 MiB, and as many objects with one key 110.
MOST_KEYS = 100_000
MOST_VALUES = 500_000

AGAIN = "get the file again, or save it anew with mt.save(answer, path)"
OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive (.pt, .npz and .keras are such)",
    b"\x80": "a pickle, which can run code when it is loaded",
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"\x89HDF": "an HDF5 file (.h5)",
    b"\x1f\x8b": "compressed by gzip",
}

Path_ = str | os.PathLike[str]


class Refusal(Exception):
    """What is wrong with a file: a code and its facts; `refusing` adds the path and makes it what the user sees."""

    def __init__(self, code: str, fix: str = AGAIN, kind: type[MapstoError] = FormatError, **facts: Any) -> None:
        super().__init__(code)
        self.code, self.fix, self.kind, self.facts = code, fix, kind, facts


HALF_LETTER = "a text in it has half of a letter, a lone surrogate"
PARTS = "a net that honestly needs this should be saved in parts"


def too_large(found: str, limit: str) -> Refusal:
    return Refusal("FILE-23", PARTS, LimitError, found=found, limit=limit)


def too_deep(part: str) -> Refusal:
    return Refusal("FILE-24", PARTS, LimitError, part=part)


@contextlib.contextmanager
def refusing(path: Path_) -> Iterator[None]:
    """Within this block, a Refusal or an error of the operating system becomes an error that names the file."""
    if "\0" in (name := os.fsdecode(path)):
        shown = name.replace("\0", "\\0")
        raise FormatError("FILE-04", path=shown, reason="no path has the character NUL in it", fix="check the path")
    try:
        yield
    except Refusal as refusal:
        raise refusal.kind(refusal.code, path=os.fspath(path), fix=refusal.fix, **refusal.facts) from refusal
    except OSError as problem:
        raise not_opened(path, problem) from problem


def not_opened(path: Path_, problem: OSError) -> FormatError:
    """What the operating system says of a path ↦ the error that the user sees."""
    name, fix, folder = os.fspath(path), "check the path", os.path.dirname(os.path.abspath(path))
    if not isinstance(problem, FileNotFoundError):
        return FormatError("FILE-04", path=name, reason=problem.strerror or str(problem), fix=fix)
    if os.path.isdir(folder):
        return FormatError("FILE-02", path=name, fix=fix)
    return FormatError("FILE-03", path=name, folder=folder, fix=fix)


@dataclass(frozen=True)
class Opened:
    """A file whose prefix and header are read and sound; its position is where the blob begins."""

    file: BinaryIO
    size: int
    header: dict[str, Any]

    def check_end(self, size: int) -> None:
        """The blob, which comes next, has `size` bytes, and nothing follows."""
        begins = self.file.tell()
        if self.size != begins + size:
            code = "FILE-10" if self.size < begins + size else "FILE-11"
            raise Refusal(code, size=self.size, wanted=begins + size)


@contextlib.contextmanager
def opened(path: Path_) -> Iterator[Opened]:
    """Open a file and check everything before its blob. Raises Refusal."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened: a pipe would wait for a writer
        raise Refusal("FILE-05", "check the path")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        check_prefix(file.read(len(MAGIC) + 1), size)
        length = int.from_bytes(exactly(file, 8, size), "little")
        if length > size - PREFIX - DIGEST:
            raise Refusal("FILE-10", size=size, wanted=PREFIX + length + DIGEST)
        if length > LARGEST_HEADER:
            raise too_large(f"a header of {length} bytes", f"{LARGEST_HEADER}")
        text = exactly(file, length, size)
        if hashlib.sha256(text).digest() != exactly(file, DIGEST, size):
            raise Refusal("FILE-12", part=f"the header (bytes {PREFIX} to {PREFIX + length})")
        yield Opened(file, size, strict_json(text, "the header"))


def check_prefix(start: bytes, size: int) -> None:
    """The first eight bytes are the magic and a version that is read here."""
    if not start.startswith(MAGIC[: len(start)]):
        known = next((name for begin, name in OTHER_FORMATS.items() if start.startswith(begin)), None)
        found = f"this is {known}" if known else f"it begins with {start.hex(' ')}"
        raise Refusal("FILE-08", "give a file written by mt.save; there is no other loader here", found=found)
    if len(start) <= len(MAGIC):
        raise Refusal("FILE-10", size=size, wanted=PREFIX)
    if start[-1] != VERSION:
        fix = f"install a mapsto that reads format version {start[-1]}: pip install --upgrade mapsto"
        raise Refusal("FILE-09", fix, found=start[-1], known=VERSION)


def exactly(file: BinaryIO, count: int, size: int) -> bytes:
    """The next `count` bytes."""
    found = file.read(count)
    if len(found) != count:
        raise Refusal("FILE-10", size=size, wanted=file.tell() - len(found) + count)
    return found


def strict_json(text: bytes, what: str) -> dict[str, Any]:
    """JSON in UTF-8 ↦ a dict. No key twice, no NaN or infinity, no half letters, nothing nested too deep."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, value in pairs:
            if name in made:
                raise Refusal("FILE-14", detail=f"{what} has the key {name[:60]!r} twice")
            made[name] = value
        return made

    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is no JSON")

    def finite(digits: str) -> float:
        if math.isinf(number := float(digits)):
            raise ValueError(f"{digits[:60]} is larger than any float")
        return number

    keys = text.count(b'":')  # what looks like one counts
    if keys > MOST_KEYS:
        raise too_large(f"{what} has {keys} keys", f"{MOST_KEYS}")
    values = sum(map(text.count, (b",", b"[", b"{")))  # those in strings count as well
    if values > MOST_VALUES:
        raise too_large(f"{what} has up to {values} values", f"{MOST_VALUES}")
    try:
        found = json.loads(
            text.decode("utf-8"), object_pairs_hook=unique, parse_constant=no_constant, parse_float=finite
        )
        if b"\\u" in text:  # half of a letter can only be written so
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as problem:
        raise Refusal("FILE-13", part=what, reason=HALF_LETTER) from problem
    except RecursionError as problem:
        raise too_deep(what) from problem
    except ValueError as problem:  # of UTF-8, of JSON, of a number with too many digits
        raise Refusal("FILE-13", part=what, reason=str(problem)[:200]) from problem
    if not isinstance(found, dict):
        raise Refusal("FILE-14", detail=f"{what} is no JSON object")
    return found


def packed(header: dict[str, Any], blob: bytes) -> bytes:
    """Header and blob ↦ the bytes of the file."""
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
    if len(text) > LARGEST_HEADER:
        raise too_large(f"a header of {len(text)} bytes", f"{LARGEST_HEADER}")
    prefix = MAGIC + bytes([VERSION]) + len(text).to_bytes(8, "little")
    return b"".join([prefix, text, hashlib.sha256(text).digest(), blob])


def write_whole(path: Path_, content: bytes, check: Callable[[Path], object]) -> None:
    """Write a file so that after any failure the old one is there, whole, and nothing else.

    A temporary file beside it is written, flushed to the disk, read back by `check`, which raises if it does not read,
    and renamed over the old one. Such files of saves that were killed go away first.
    """
    target = Path(path)
    if not target.name or target.is_dir():
        raise Refusal("FILE-06", "give the path of a file", FormatError)
    remove_leftovers(target.parent, f".{target.name}.")
    temporary = temporary_for(target)
    # By os.open and not by tempfile, whose files only their owner may read.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with held(temporary, must=False), open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            file.close()
            check(temporary)
            os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    # The new name survives a power cut once its folder is flushed. By now the file is whole under either name, so a
    # system that cannot flush a folder (Windows, some network disks) is no reason to fail.
    with contextlib.suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
