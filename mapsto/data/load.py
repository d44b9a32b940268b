"""Data sets by name: one in the package, others from a folder of the user's or downloaded once and checked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mapsto.core.check import one_of
from mapsto.core.errors import DataError
from mapsto.core.lazy import optional
from mapsto.data.cifar import FOLDERS, JPEG, RELEASES, cifar_set
from mapsto.data.dataset import Dataset
from mapsto.data.idx import read_idx
from mapsto.data.stack import spec_text

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
class _Published:
    """A set's folder in MAPSTO_DATA, its classes, where its files are published, and their SHA-256."""

    folder: str
    classes: tuple[str, ...]
    mirrors: tuple[str, ...] = ()
    sha256: dict[str, str] | None = None


_IDX_SETS = {
    "fashion_mnist": _Published(
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
    "mnist": _Published(
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
    "mnist_10k": _Published(folder="mnist-10k", classes=_DIGITS),
}
# The page states an MD5 of each archive (c32a1d4a… and 03b5dce0…); these are the SHA-256 of the same files.
_TORONTO = ("https://www.cs.toronto.edu/~kriz/",)
_CIFAR_SETS = {
    "cifar10": _Published(
        folder="cifar10",
        classes=(),
        mirrors=_TORONTO,
        sha256={"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
    ),
    "cifar100": _Published(
        folder="cifar100",
        classes=(),
        mirrors=_TORONTO,
        sha256={"cifar-100-binary.tar.gz": "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
    ),
}
_CIFAR_NAMES = {
    "cifar10": ("cifar10", "fine"),
    "cifar100": ("cifar100", "fine"),
    "cifar100_coarse": ("cifar100", "coarse"),
}
NAMES = ("digits", *_IDX_SETS, *_CIFAR_NAMES)


def load(name: str, split: str | None = None) -> Dataset:
    """The name of a data set and of one of its splits ↦ the data set: pictures u8[n, h, w, c], labels i64[n].

    | name            | pictures    | "train" | "test" | split=None | from                                           |
    |-----------------|-------------|---------|--------|------------|------------------------------------------------|
    | digits          | 8 × 8 × 1   | 1,438   | 359    | all 1,797  | the package (see DIGITS.md)                    |
    | fashion_mnist   | 28 × 28 × 1 | 60,000  | 10,000 | "train"    | MAPSTO_DATA/fashion-mnist, or downloaded       |
    | mnist           | 28 × 28 × 1 | 60,000  | 10,000 | "train"    | MAPSTO_DATA/mnist, or downloaded               |
    | mnist_10k       | 28 × 28 × 1 | 8,000   | 2,000  | "train"    | MAPSTO_DATA/mnist-10k only                     |
    | cifar10         | 32 × 32 × 3 | 50,000  | 10,000 | "train"    | MAPSTO_DATA/cifar10, or downloaded             |
    | cifar100        | 32 × 32 × 3 | 50,000  | 10,000 | "train"    | MAPSTO_DATA/cifar100, or downloaded            |
    | cifar100_coarse | 32 × 32 × 3 | 50,000  | 10,000 | "train"    | the same, with the 20 classes of classes       |

    Pixels are 0 … 255; in the first four ink (or cloth) is bright on black. The splits of digits are `split(0.2)` of
    all of them: always the same, each class with its share. CIFAR is read from the published archive of its binary
    release, from its files unpacked beside it, or, for CIFAR-10, from cifar10-jpeg.tar.xz, whose pixels differ a little
    for they were coded as JPEG; that archive is sorted by class, and its pictures come in a random order, always the
    same one. MAPSTO_DATA is an environment variable with the path of a folder; if it has
    the set's folder, the files are taken from there and nothing is downloaded. Downloads go to the user's cache, once,
    and their SHA-256 is checked whenever they are used.

    Raises UsageError for unknown names and splits (ARG-02), and where the library for downloads is missing; DataError
    where files are missing or damaged (READ-01, IDX-…, CIFAR-…), do not fit each other (DATA-03, LOAD-04), or cannot be
    had (LOAD-01 to LOAD-03).

    >>> load("digits", "test")
    Dataset(digits: 359 × u8[8,8,1] ↦ i64[], 10 classes)
    """
    one_of("load", "data set", name, NAMES)
    if split is not None:
        one_of("load", "split", split, tuple(_FILES))
    if name == "digits":
        return _digits(split)
    if name in _CIFAR_NAMES:
        release, kind = _CIFAR_NAMES[name]
        return cifar_set(release, kind, split or "train", _find_cifar(release))
    about = _IDX_SETS[name]
    images, labels = (read_idx(_find(name, about, file)) for file in _FILES[split or "train"])
    if images.ndim != 3 or labels.ndim != 1 or images.dtype != np.uint8 or labels.dtype.kind not in "iu":
        rows = (("images", spec_text(images), "expected u8[n,h,w]"), ("labels", spec_text(labels), "expected u8[n]"))
        fix = "compare the files with the publisher's; perhaps two have changed names"
        raise DataError("LOAD-04", name=name, operands=rows, fix=fix)
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


def _folder(about: _Published) -> Path | None:
    """The set's folder within that of the user, if there is one."""
    folder = os.environ.get("MAPSTO_DATA")
    if not folder:
        return None
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise DataError("LOAD-01", folder=folder, fix="correct or unset it")
    return root / about.folder if (root / about.folder).is_dir() else None


def _find(name: str, about: _Published, file: str) -> Path:
    """The path of one of the set's files: in the user's folder, in the cache, or downloaded into the cache."""
    folder = _folder(about)
    if folder is not None:
        return folder / file
    if about.sha256 is None:
        known = os.environ.get("MAPSTO_DATA") or "not set"
        rows = (("MAPSTO_DATA", known, f"needs a folder {about.folder} with {file}"),)
        fix = "set MAPSTO_DATA to the folder that has it, or use mnist"
        raise DataError("LOAD-02", name=name, operands=rows, fix=fix)
    return _download(name, about, file)


def _find_cifar(release: str) -> Path:
    """The archive of a release, or a folder with its files."""
    about = _CIFAR_SETS[release]
    folder = _folder(about)
    archive = next(iter(about.sha256 or {}))
    if folder is None:
        return _download(release, about, archive)
    first = RELEASES[release]["test"][0]
    places = [folder / FOLDERS[release], folder]
    known = [place for place in places if (place / first).is_file()]
    known += [folder / file for file in (archive, JPEG) if (folder / file).is_file()]
    return known[0] if known else folder / archive


def _download(name: str, about: _Published, file: str) -> Path:
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
    fix = f"try again later, or put the files into a folder {about.folder} and set MAPSTO_DATA to its parent"
    raise DataError("LOAD-03", name=name, file=file, operands=tuple(problems), fix=fix)
