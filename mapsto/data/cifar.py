"""CIFAR's binary releases: records of one or two label bytes and 32 × 32 pixels, red, green, blue one after another.

The layout is that of https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky, 2009, Learning Multiple Layers of
Features from Tiny Images). CIFAR-10 has one label byte, CIFAR-100 two: coarse, then fine.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mapsto.core.check import whole_number
from mapsto.core.errors import DataError, LimitError
from mapsto.data.archive import tar_members
from mapsto.data.dataset import Dataset
from mapsto.data.draw import random_order
from mapsto.data.folder import from_folder
from mapsto.data.reading import RENEW, path_text, read_at_most, reading, unpacked
from mapsto.image.picture import decode_picture

Array = np.ndarray[Any, Any]

SIDE = 32
PIXELS = 3 * SIDE * SIDE
LIMIT_BYTES = 2**31  # of one file; the largest published has 0.15 · 10⁹
LIMIT_ARCHIVE = 2**30  # of everything in a release
CIFAR_10 = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())


def read_cifar(path: str | os.PathLike[str], labels: int = 1) -> tuple[Array, Array]:
    """The path of a file of CIFAR's binary release ↦ pictures u8[n, 32, 32, 3] and labels i64[n, labels].

    `labels` is the number of label bytes of a record: 1 in CIFAR-10, 2 in CIFAR-100 (coarse, then fine). The file may
    be packed with gzip, xz or bzip2.

    Raises DataError (READ-01) for a file that cannot be read, and (CIFAR-01) for one whose size is no whole number of
    records, with the sizes.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "test_batch.bin")
    >>> path.write_bytes(bytes([7]) + bytes(3072))
    3073
    >>> x, y = read_cifar(path)
    >>> x.shape, y
    ((1, 32, 32, 3), array([[7]]))
    """
    name = path_text(path)
    with reading(name), unpacked(name) as file:
        content = read_at_most(file, LIMIT_BYTES + 1)
    if len(content) > LIMIT_BYTES:
        raise LimitError("READ-03", path=name, limit=LIMIT_BYTES, fix=RENEW)
    return records(content, name, whole_number("read_cifar", "labels", labels))


def records(content: bytes | bytearray, name: str, labels: int) -> tuple[Array, Array]:
    """The bytes of a file ↦ its pictures u8[n, 32, 32, 3] and labels i64[n, labels]. Raises DataError (CIFAR-01)."""
    size = labels + PIXELS
    if not content or len(content) % size:
        other = 3 - labels + PIXELS
        rows = [("file", f"{len(content)} bytes", f"{len(content) // size} records and {len(content) % size} bytes")]
        rows += [("record", f"{size} bytes", f"{labels} of labels, {PIXELS} of pixels")]
        fits = bool(content) and labels in (1, 2) and not len(content) % other
        kind = "CIFAR-100, labels=2" if labels == 1 else "CIFAR-10, labels=1"
        fix = f"its size is that of {kind}" if fits else RENEW
        raise DataError("CIFAR-01", path=name, size=len(content), record=size, operands=tuple(rows), fix=fix)
    table = np.frombuffer(content, np.uint8).reshape(-1, size)
    pictures = table[:, labels:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pictures), table[:, :labels].astype(np.int64)


# What a release holds: the files of a split, and those with the names of the classes.
RELEASES: dict[str, dict[str, tuple[str, ...]]] = {
    "cifar10": {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)},
    "cifar100": {"train": ("train.bin",), "test": ("test.bin",)},
}
FOLDERS = {"cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}
NAMES = ("coarse_label_names.txt", "fine_label_names.txt")
JPEG = "cifar10-jpeg.tar.xz"


def cifar_set(release: str, kind: str, split: str, source: Path) -> Dataset:
    """A release ("cifar10", "cifar100"), "coarse" or "fine", a split, and where the files are ↦ the data set.

    The source is the published archive, a folder of its files, or an archive of JPEG files by split and class.
    """
    if source.name == JPEG:
        return jpeg_set(source, split)
    files = RELEASES[release][split]
    wanted = files if release == "cifar10" else (*files, *NAMES)
    contents = contents_of(source, wanted)
    labels = 1 if release == "cifar10" else 2
    parts = [records(contents[file], f"{source}/{file}", labels) for file in files]
    x, y = (np.concatenate(column) for column in zip(*parts, strict=True))
    if release == "cifar10":
        return Dataset(x, y[:, 0], CIFAR_10, release)
    column = ("coarse", "fine").index(kind)
    classes = names_in(contents[NAMES[column]], f"{source}/{NAMES[column]}", (20, 100)[column])
    return Dataset(x, y[:, column], classes, release if kind == "fine" else f"{release}_coarse")


def contents_of(source: Path, files: tuple[str, ...]) -> dict[str, bytes]:
    """The contents of some files of an archive or a folder.

    Raises DataError where one is missing (CIFAR-02) or an archive has two of that name (CIFAR-04).
    """
    found: dict[str, bytes] = {}
    if source.is_dir():
        for file in files:
            with reading(str(source / file)):
                found[file] = (source / file).read_bytes()
    else:
        for name, content in tar_members(str(source), lambda name: PurePosixPath(name).name in files, LIMIT_ARCHIVE):
            file = PurePosixPath(name).name
            if file in found:
                raise DataError("CIFAR-04", path=str(source), file=file, fix=RENEW)
            found[file] = content
    missing = [file for file in files if file not in found]
    if missing:
        raise DataError("CIFAR-02", path=str(source), missing=", ".join(missing), fix=RENEW)
    return found


def names_in(content: bytes, path: str, count: int) -> tuple[str, ...]:
    """The names of the classes, one a line. Raises DataError (CIFAR-03) for another number of them."""
    names = tuple(content.decode("utf-8", "replace").split())
    if len(names) != count:
        raise DataError("CIFAR-03", path=path, found=len(names), count=count, fix=RENEW)
    return names


def jpeg_set(source: Path, split: str) -> Dataset:
    """An archive with pictures as `split/class/number.jpg` ↦ the data set, decoded.

    The archive is sorted by class, and the binary release is not: they come in a random order, always the same one, so
    that `take(n)` and every part has all classes.
    """
    files = from_folder(source, lambda file: decode_picture(file, (SIDE, SIDE), "RGB"), inside=split)
    x, y = files.gather(random_order(len(files), 0))
    return Dataset(x, y, files.classes, "cifar10")
