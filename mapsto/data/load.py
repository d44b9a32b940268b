"""Data sets by name: one in the package, others from a folder of the user's or downloaded once and checked."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mapsto.core.errors import DataError, UsageError
from mapsto.core.lazy import optional
from mapsto.data.dataset import Dataset
from mapsto.data.idx import read_idx

pooch = optional("pooch", extra="data", instead="set MAPSTO_DATA to a folder that has the data")

_HERE = Path(__file__).parent
_DIGITS = tuple("0123456789")
_CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}


@dataclass(frozen=True)
class _IdxSet:
    """A set of pictures in four IDX files: its folder in MAPSTO_DATA, where it is published, SHA-256 of the files."""

    folder: str
    classes: tuple[str, ...]
    mirrors: tuple[str, ...] = ()
    sha256: dict[str, str] | None = None


_IDX_SETS = {
    "fashion_mnist": _IdxSet(
        folder="fashion-mnist",
        classes=_CLOTHES,
        mirrors=(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/"
            "b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        # Of the published files. Copies packed anew (as Debian's) unpack to the same and have other sums.
        sha256={
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    ),
    "mnist": _IdxSet(
        folder="mnist",
        classes=_DIGITS,
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        sha256={
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
    "mnist_10k": _IdxSet(folder="mnist-10k", classes=_DIGITS),
}
NAMES = ("digits", *_IDX_SETS)


def load(name: str, split: str | None = None) -> Dataset:
    """The name of a data set and of one of its splits ↦ the data set: pictures u8[n, h, w, 1], labels i64[n].

    | name          | pictures | "train" | "test" | split=None | from                                             |
    |---------------|----------|---------|--------|------------|--------------------------------------------------|
    | digits        | 8 × 8    | 1,438   | 359    | all 1,797  | the package (see DIGITS.md)                      |
    | fashion_mnist | 28 × 28  | 60,000  | 10,000 | "train"    | MAPSTO_DATA/fashion-mnist, or downloaded         |
    | mnist         | 28 × 28  | 60,000  | 10,000 | "train"    | MAPSTO_DATA/mnist, or downloaded                 |
    | mnist_10k     | 28 × 28  | 8,000   | 2,000  | "train"    | MAPSTO_DATA/mnist-10k only                       |

    Pixels are 0 … 255, ink (or cloth) bright on black. The splits of digits are `split(0.2)` of all of them: always
    the same, each class with its share. MAPSTO_DATA is an environment variable with the path of a folder; if it has
    the set's folder, the files are taken from there and nothing is downloaded. Downloads go to the user's cache, once,
    and their SHA-256 is checked whenever they are used.

    Raises UsageError (USE-01) for unknown names and splits, and where the library for downloads is missing; DataError
    (DATA-01) where files are missing, damaged, do not fit each other, or cannot be downloaded.

    >>> load("digits", "test")
    Dataset(digits: 359 × u8[8,8,1] ↦ i64[], 10 classes)
    """
    _check_name("data set", name, NAMES)
    if split is not None:
        _check_name("split", split, tuple(_FILES))
    if name == "digits":
        return _digits(split)
    about = _IDX_SETS[name]
    images, labels = (read_idx(_find(name, about, file)) for file in _FILES[split or "train"])
    if images.ndim != 3 or labels.ndim != 1 or images.dtype != np.uint8 or labels.dtype.kind not in "iu":
        raise DataError(
            "DATA-01",
            problem=f"the files of {name} are not pictures and labels",
            operands=(("images", _shape(images), "expected u8[n,h,w]"), ("labels", _shape(labels), "expected u8[n]")),
            fix="compare the files with the publisher's; perhaps two have changed names",
        )
    return Dataset(images[..., None], labels.astype(np.int64), about.classes, name)


def sample_picture() -> Path:
    """() ↦ the path of a small PNG: one picture of load("digits", "test"), enlarged to 64 × 64 (see DIGITS.md).

    >>> sample_picture().name
    'sample_digit.png'
    """
    return _HERE / "sample_digit.png"


def _digits(split: str | None) -> Dataset:
    with np.load(_HERE / "digits.npz", allow_pickle=False) as file:
        everything = Dataset(file["x"], file["y"].astype(np.int64), _DIGITS, "digits")
    if split is None:
        return everything
    train, test = everything.split(0.2, seed=0)
    return train if split == "train" else test


def _find(name: str, about: _IdxSet, file: str) -> Path:
    """The path of one of the set's files: in the user's folder, in the cache, or downloaded into the cache."""
    folder = os.environ.get("MAPSTO_DATA")
    if folder:
        root = Path(folder).expanduser()
        if not root.is_dir():
            raise DataError("DATA-01", problem=f"MAPSTO_DATA is {folder}: no such folder", fix="correct or unset it")
        if (root / about.folder).is_dir():
            return root / about.folder / file
    if about.sha256 is None:
        raise DataError(
            "DATA-01",
            problem=f"{name} is not published, it can only be read from a folder",
            operands=(("MAPSTO_DATA", folder or "not set", f"needs a folder {about.folder} with {file}"),),
            fix="set MAPSTO_DATA to the folder that has it, or use mnist",
        )
    return _download(name, about, file)


def _download(name: str, about: _IdxSet, file: str) -> Path:
    problems: list[tuple[str, object, str]] = []
    for mirror in about.mirrors:
        try:
            path = pooch.retrieve(
                mirror + file,
                known_hash=f"sha256:{(about.sha256 or {})[file]}",
                fname=file,
                path=pooch.os_cache("mapsto") / about.folder,
            )
            return Path(path)
        # What requests raises is an OSError; pooch raises ValueError where the checksum differs.
        except (OSError, ValueError) as problem:
            problems.append((mirror[:60], f"{problem}"[:200], ""))
    raise DataError(
        "DATA-01",
        problem=f"cannot download {file} of {name}",
        operands=tuple(problems),
        fix=f"try again later, or put the files into a folder {about.folder} and set MAPSTO_DATA to its parent",
    )


def _check_name(what: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=1)
        raise UsageError(
            "USE-01",
            problem=f"there is no {what} {name!r}",
            operands=((f"{what}s", ", ".join(names), ""),),
            fix=f"did you mean {near[0]!r}?" if near else f"use one of the {what}s above",
        )


def _shape(array: np.ndarray[Any, Any]) -> str:
    return f"{array.dtype.name}{list(array.shape)}"
