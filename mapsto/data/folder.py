"""Files by class: a folder or a tar with one folder for each class."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from mapsto.core.check import one_of
from mapsto.core.errors import DataError, LimitError, UsageError
from mapsto.core.notes import note
from mapsto.data.archive import LIMIT_BYTES, tar_members
from mapsto.data.reading import path_text, reading
from mapsto.data.samples import Array, Samples
from mapsto.image.picture import LIMIT_BYTES as LIMIT_PICTURE
from mapsto.image.picture import decode_picture

PICTURES = (".png", ".jpg", ".jpeg")
POLICIES = ("raise", "skip")
Read = Callable[[BinaryIO], Any]
Found = tuple[str, str, bytes | None]  # class, name, and the content if it is in memory


class NamedBytes(io.BytesIO):
    """The content of a file in memory, with its name for messages."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


@dataclass(frozen=True, eq=False, repr=False)
class Files(Samples):
    """index ↦ (read(file), label): the files of a folder, read when they are asked for, or of an archive, in memory."""

    files: tuple[tuple[str, bytes | None], ...]  # name, and what is in it if it is in memory already
    known_labels: Array
    read: Read
    classes: tuple[str, ...]
    name: str

    def __len__(self) -> int:
        return len(self.files)

    def sample(self, index: int) -> tuple[Any, Any]:
        name, content = self.files[index]
        if content is None:
            with reading(name), open(name, "rb") as file:
                if fits(name, PICTURES) and os.fstat(file.fileno()).st_size > LIMIT_PICTURE:
                    raise LimitError("IMAGE-04", path=name, limit=LIMIT_PICTURE, fix="give a smaller picture")
                content = file.read()
        return self.read(NamedBytes(content, name)), self.known_labels[index]

    @property
    def labels(self) -> Array:
        return self.known_labels

    def where(self, index: int) -> str:
        return self.files[index][0]


def whole_picture(file: BinaryIO) -> Any:
    """A PNG or JPEG ↦ u8[h, w, 3] in its own size."""
    return decode_picture(file, None, "RGB")


def from_folder(
    path: str | os.PathLike[str],
    read: Read | None = None,
    *,
    inside: str = "",
    suffixes: tuple[str, ...] = PICTURES,
    on_error: str = "raise",
    limit_bytes: int = LIMIT_BYTES,
) -> Any:
    """A folder or tar with a folder for each class ↦ index ↦ (x, class number), the classes sorted by name.

    `read` maps an open file to x: `image.decode((64, 64))` brings PNG and JPEG files to one size. Without it pictures
    come as u8[h, w, 3] in their own sizes, and must be brought to one by `map` before they are batched. Files lie in
    the folder of their class or deeper; those of other suffixes are left out with a note, hidden ones silently.
    `inside` is a folder below the path, such as "train". A folder's files are read one by one when they are asked for.
    A tar (plain, gzip, xz, bzip2) is read once, and its wanted files stay in memory, packed as they are.

    With `on_error="skip"` every file is read once at the start, and those that fail are left out and counted: see
    `.skipped`, which sets made of it have too. A file that vanishes later is an error under either policy.

    Raises DataError where the path, or a file when it is asked for, cannot be read (READ-01), or there are no classes
    (FOLDER-01) or files (FOLDER-02); for archives also FormatError (TAR-01) for links and names that lead out of them,
    and LimitError (READ-03) beyond `limit_bytes`, counted while it is unpacked; LimitError (IMAGE-04) for a
    picture's file of more than 256 MiB, when it is asked for; and what `read` raises.

    >>> import pathlib, shutil, tempfile
    >>> from mapsto import data, image
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("three", "more"):
    ...     (root / name).mkdir()
    ...     _ = shutil.copy(data.sample_picture(), root / name)
    >>> digits = data.from_folder(root, image.decode((8, 8), "L"))
    >>> digits.classes, digits.batch(2)[0][0].shape
    (('more', 'three'), (2, 8, 8, 1))
    """
    one_of("from_folder", "policy", on_error, POLICIES)
    if read is not None and not callable(read):
        raise UsageError("ARG-03", function="from_folder", found=type(read).__name__, fix="image.decode((64, 64))")
    text = path_text(path)
    wanted = tuple(suffix.lower() for suffix in suffixes)
    root = PurePosixPath(inside.replace(os.sep, "/"))
    if os.path.isdir(text):
        found = in_folder(Path(text, *root.parts))
    else:
        found = in_archive(text, root, wanted, limit_bytes)
    label = f"{text}/{inside}" if inside else text
    kept = kept_files(found, wanted, label)
    classes = tuple(sorted({name for name, _, _ in found}))
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[one[0]] for one in kept], np.int64)
    files = tuple((name, content) for _, name, content in kept)
    made = Files(files, labels, whole_picture if read is None else read, classes, os.path.basename(text) or text)
    if on_error == "raise":
        return made
    good = made.readable()
    if good.skipped:
        note(f"{label}: skipped {len(good.skipped)} of {len(made)} files that cannot be read; see .skipped", once=False)
    return good


def kept_files(found: list[Found], suffixes: tuple[str, ...], label: str) -> list[Found]:
    """The files of the suffixes, by class and name. Raises DataError (FOLDER-01, FOLDER-02) where there are none."""
    if not found:
        raise DataError("FOLDER-01", path=label, fix="put the files of each class into a folder of its own: cat/1.jpg")
    kept = sorted((one for one in found if fits(one[1], suffixes)), key=lambda one: (one[0], one[1]))
    left = [PurePosixPath(name).suffix.lower() or "no suffix" for _, name, _ in found if not fits(name, suffixes)]
    kinds = ", ".join(f"{count} × {suffix}" for suffix, count in sorted(Counter(left).items()))
    if not kept:
        rows = (("suffixes", ", ".join(suffixes), "looked for"), ("found", kinds, ""))
        raise DataError("FOLDER-02", path=label, operands=rows, fix='say which: suffixes=(".png",)')
    if left:
        note(f"{label}: left out {kinds}; only {', '.join(suffixes)} are read")
    return kept


def fits(name: str, suffixes: tuple[str, ...]) -> bool:
    return name.lower().endswith(suffixes)


def in_folder(root: Path) -> list[Found]:
    """The files of every class of a folder. Links of the user's own are followed, to folders only at the top."""
    found: list[Found] = []
    with reading(str(root)):
        folders = [entry for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith(".")]
        for folder in folders:
            for place, inner, names in os.walk(folder.path):
                inner[:] = [name for name in inner if not name.startswith(".")]
                found += [(folder.name, os.path.join(place, name), None) for name in names if not name.startswith(".")]
    return found


def in_archive(path: str, root: PurePosixPath, suffixes: tuple[str, ...], limit_bytes: int) -> list[Found]:
    """The files of every class of a tar; only those of the suffixes are kept in memory."""
    found: list[Found] = []

    def place(name: str) -> tuple[str, ...] | None:
        parts = PurePosixPath(name).parts
        below = parts[len(root.parts) :]
        known = parts[: len(root.parts)] == root.parts and len(below) > 1
        return below if known and not any(part.startswith(".") for part in below) else None

    def wanted(name: str) -> bool:
        below = place(name)
        if below is not None and not fits(name, suffixes):
            found.append((below[0], name, None))
        return below is not None and fits(name, suffixes)

    for name, content in tar_members(path, wanted, limit_bytes):
        below = place(name)
        assert below is not None
        found.append((below[0], name, content))
    return found
