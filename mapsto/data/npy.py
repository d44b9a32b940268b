"""NumPy's files: .npy mapped into memory, .npz read; arrays of objects, which are pickles, are refused."""

from __future__ import annotations

import io
import math
import os
import zipfile
import zlib
from typing import Any, BinaryIO, cast

import numpy as np

from mapsto.core.errors import DataError, FormatError, LimitError, UsageError
from mapsto.core.spec import SHORT_NAMES
from mapsto.data.arrays import from_arrays
from mapsto.data.reading import RENEW, path_text, read_at_most, reading
from mapsto.data.stack import map_tree

Array = np.ndarray[Any, Any]

MAGIC = b"\x93NUMPY"
LIMIT_HEADER = 10_000  # characters, as NumPy's own
LIMIT_BYTES = 2**32  # of the arrays of an .npz, which are read into memory
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def from_npy(x: Any, y: Any = None, *, classes: tuple[str, ...] = (), name: str | None = None) -> Any:
    """Paths of .npy files ↦ the data set of their arrays, index ↦ (x, y), or x alone where there is no y.

    The files are mapped into memory: only the rows of a batch are read, so they may be larger than the memory. x may
    be a tuple or dict of paths, for several inputs; y may also be an array. The first axis counts the samples.

    Raises FormatError for what is no .npy file (NPY-01) and for arrays of Python objects, which are pickles and could
    run code (NPY-02); DataError where the file's size is not that of its header (NPY-03), a file is missing (READ-01),
    is cut off while it is in use (READ-02), or the counts differ (DATA-03).

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.save(folder / "x.npy", np.arange(6.0).reshape(3, 2))
    >>> np.save(folder / "y.npy", np.array([0, 1, 0]))
    >>> ds = from_npy(folder / "x.npy", folder / "y.npy")
    >>> ds, ds[-1]
    (Arrays(x.npy: 3 × f64[2] ↦ i64[]), (array([4., 5.]), array(0)))
    """
    files: list[tuple[str, int]] = []

    def opened(source: Any) -> Any:
        if isinstance(source, np.ndarray | list):
            return source
        path = path_text(source)
        files.append((path, os.path.getsize(path) if os.path.exists(path) else 0))
        return open_npy(path)

    tree = map_tree(opened, x if y is None else (x, y))
    shown = os.path.basename(files[0][0]) if files else "data"
    return from_arrays(tree, classes=classes, name=shown if name is None else name, files=tuple(files))


def open_npy(path: str | os.PathLike[str]) -> Array:
    """The path of an .npy file ↦ its array, read-only, mapped from the file; see `from_npy` for what is raised."""
    name = path_text(path)
    with reading(name), open(name, "rb") as file:
        shape, fortran, dtype = header(file, name)
        offset, size = file.tell(), os.fstat(file.fileno()).st_size
        expected = math.prod(shape) * dtype.itemsize
        if size - offset != expected:
            rows = (("header", f"{expected} bytes", f"{dtype}{list(shape)}"), ("file", f"{size - offset} bytes", ""))
            word = "shorter" if size - offset < expected else "longer"
            raise DataError("NPY-03", path=name, difference=word, operands=rows, fix=RENEW)
        if not expected:
            return np.empty(shape, dtype)
        return np.memmap(file, dtype, "r", offset, shape, "F" if fortran else "C")


def header(file: BinaryIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The start of an .npy file ↦ shape, whether columns lie together, type."""
    start = file.read(8)
    if len(start) < 8 or not start.startswith(MAGIC) or (start[6], start[7]) not in HEADERS:
        found = start.hex(" ") or "nothing"
        rows = (("found", found, "the first bytes"), ("expected", "93 4e 55 4d 50 59 01 00", "or version 02 00"))
        raise FormatError("NPY-01", path=name, operands=rows, fix="write it with np.save(path, array)")
    size = file.read(2 if start[6] == 1 else 4)
    # NumPy reads the header before it compares its length, and in an .npz a few bytes unpack to 4 GiB of it.
    text = file.read(min(int.from_bytes(size, "little"), LIMIT_HEADER + 1))
    try:
        read = cast(Any, HEADERS[start[6], start[7]])
        shape, fortran, dtype = read(io.BytesIO(size + text), max_header_size=LIMIT_HEADER)
        known = all(type(extent) is int and 0 <= extent < 2**62 for extent in shape)
    except Exception as problem:
        # The header is a Python literal; NumPy's reader shows damage as ValueError, TokenError and others.
        rows = (("header", str(problem)[:200], ""),)
        raise FormatError("NPY-01", path=name, operands=rows, fix=RENEW) from problem
    if dtype.hasobject:
        fix = "such files run code when they are read: save an array of numbers instead"
        raise FormatError("NPY-02", path=name, fix=fix)
    if not known or (dtype.kind not in "biufU" and dtype not in SHORT_NAMES):
        rows = (("header", f"{dtype}{list(shape)}"[:200], ""),)
        raise FormatError("NPY-01", path=name, operands=rows, fix="save an array of numbers: np.save(path, array)")
    return shape, fortran, dtype


def from_npz(
    path: str | os.PathLike[str],
    x: Any = "x",
    y: str | None = "y",
    *,
    classes: tuple[str, ...] = (),
    limit_bytes: int = LIMIT_BYTES,
) -> Any:
    """The path of an .npz file and the names of its arrays ↦ the data set, index ↦ (x, y), in memory.

    x may be a tuple or dict of names, for several inputs; y=None leaves the samples x alone. What is larger than the
    memory belongs into .npy files, which `from_npy` maps.

    Raises UsageError (NPZ-01) for a name that is not in it; FormatError for arrays of Python objects (NPY-02) or packed
    in a way that is not known (NPZ-02); DataError where it is no .npz or damaged (NPZ-02) or its sizes do not agree
    (NPY-03); LimitError (READ-03) where its arrays have more than `limit_bytes`.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "set.npz")
    >>> np.savez_compressed(path, x=np.zeros((3, 2), np.float32), y=np.array([0, 1, 0]))
    >>> from_npz(path)
    Arrays(set.npz: 3 × f32[2] ↦ i64[])
    """
    name = path_text(path)
    used = 0

    def member(key: str) -> Array:
        nonlocal used
        if f"{key}.npy" not in known:
            names = [one.removesuffix(".npy") for one in known]
            rows = (("arrays", ", ".join(names)[:200], ""),)
            fix = f"say which: from_npz(path, x={names[0]!r})" if names else "save some: np.savez(path, x=x, y=y)"
            raise UsageError("NPZ-01", path=name, name=key, operands=rows, fix=fix)
        with archive.open(f"{key}.npy") as file:
            shape, fortran, dtype = header(cast(BinaryIO, file), f"{name}/{key}.npy")
            expected = math.prod(shape) * dtype.itemsize
            used += expected
            if used > limit_bytes:
                raise LimitError("READ-03", path=name, limit=limit_bytes, fix="write .npy files, and use from_npy")
            content = read_at_most(cast(BinaryIO, file), expected + 1)
        if len(content) != expected:
            word = "shorter" if len(content) < expected else "longer"
            rows = (("header", f"{expected} bytes", f"{dtype}{list(shape)}"), ("found", f"{len(content)} bytes", ""))
            raise DataError("NPY-03", path=f"{name}/{key}.npy", difference=word, operands=rows, fix=RENEW)
        return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")

    try:
        with reading(name), zipfile.ZipFile(name) as archive:
            known = archive.namelist()
            tree = map_tree(member, x if y is None else (x, y))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as problem:
        kind = FormatError if isinstance(problem, NotImplementedError | RuntimeError) else DataError
        raise kind("NPZ-02", path=name, reason=str(problem)[:200], fix=RENEW) from problem
    return from_arrays(tree, classes=classes, name=os.path.basename(name))
