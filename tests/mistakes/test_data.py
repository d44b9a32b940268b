"""Mistakes with data sets, their files and pictures; `test_mistakes.py` says how to renew the stored messages."""

from __future__ import annotations

import gzip
import io
import re
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import data, image, losses, nn, optim
from tests.mistakes.test_mistakes import held, message

X, Y = np.arange(24, dtype=np.float32).reshape(6, 4), np.array([0, 1, 2, 0, 1, 2])
PAIRS = data.Dataset(X, Y, ("a", "b", "c"), "rows")
LAZY = data.from_function(6, lambda index: (X[index], int(Y[index])), name="lazy")
PICTURES = np.zeros((2, 8, 9, 3), np.uint8)


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def csv(folder: Path, content: str | bytes, target: Any = "y", **options: Any) -> Any:
    return data.from_csv(written(folder, "set.csv", content), target, **options)


def npy(folder: Path, array: Any, cut: int = 0) -> Any:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return data.from_npy(written(folder, "x.npy", file.getvalue()[: -cut or None]))


def tar(folder: Path, name: str, **facts: Any) -> Any:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo(name)
        for key, value in facts.items():
            setattr(member, key, value)
        archive.addfile(member)
    return data.from_folder(written(folder, "pictures.tar", file.getvalue()))


def npz(folder: Path, **arrays: Any) -> Any:
    np.savez(folder / "set.npz", **arrays)
    return data.from_npz(folder / "set.npz")


def fit(samples: Any, y: Any = None) -> Any:
    return mt.Learner(nn.Dense(3), loss=losses.cross_entropy, optimizer=optim.adam(0.1)).fit(samples, y)


def idx(folder: Path, content: bytes) -> Any:
    return data.read_idx(written(folder, "labels-idx1-ubyte", content))


def bomb() -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return start + struct.pack(">I", 9) + b"IDAT" + bytes(9)


MISTAKES: dict[str, tuple[type[Exception], Callable[[Path], Any]]] = {
    # the words
    "data_empty": (mt.DataError, lambda _: PAIRS[2:2]),
    "data_counts": (mt.DataError, lambda _: data.Dataset(X, Y[:5])),
    "data_label": (mt.DataError, lambda _: data.Dataset(X, Y + 1, ("a", "b", "c"))),
    "data_float_labels": (mt.DataError, lambda _: data.Dataset(X, Y / 1.0, ("a", "b", "c"))),
    "data_ragged_lists": (mt.DataError, lambda _: data.Dataset([[1, 2], [3]], [0, 1])),  # type: ignore[arg-type]
    "data_take": (mt.DataError, lambda _: PAIRS.take(7)),
    "data_skip": (mt.DataError, lambda _: PAIRS.skip(6)),
    "data_fraction": (mt.DataError, lambda _: PAIRS.split(1.5)),
    "data_side_empty": (mt.DataError, lambda _: PAIRS.split(0.01)),
    "data_stratify": (mt.UsageError, lambda _: LAZY.split(0.5, stratify=True)),
    "data_index": (mt.UsageError, lambda _: PAIRS["first"]),  # type: ignore[call-overload]
    "data_out_of_range": (mt.IndexRangeError, lambda _: PAIRS[6]),
    "data_batch_too_large": (mt.DataError, lambda _: PAIRS.batch(7)),
    "data_sizes_differ": (mt.DataError, lambda _: LAZY.map(x=lambda x: np.zeros((int(x[0]), 2, 3))).batch(2)[0]),
    "data_parts_differ": (
        mt.DataError,
        lambda _: LAZY.concat(data.from_arrays(X)).batch(12)[0],
    ),
    "data_bytes": (mt.DataError, lambda _: LAZY.map(x=lambda x: x.tobytes()).batch(2)[0]),
    "data_zip_lengths": (mt.DataError, lambda _: PAIRS.zip(PAIRS.take(4))),
    "data_zip_array": (mt.UsageError, lambda _: LAZY.zip(Y)),  # type: ignore[arg-type]
    "data_concat_classes": (mt.DataError, lambda _: PAIRS.concat(LAZY)),
    "data_map_nothing": (mt.UsageError, lambda _: PAIRS.map()),
    "data_map_no_pair": (mt.UsageError, lambda _: data.from_arrays(X).map(y=str)[0]),
    "data_map_returns_none": (mt.UsageError, lambda _: LAZY.map(lambda x, y: None)[1]),
    "data_none_readable": (mt.DataError, lambda _: LAZY.map(lambda x, y: data.read_idx("absent")).readable()),
    # in training
    "data_fit_batches": (mt.UsageError, lambda _: fit(PAIRS.batch(2))),
    "data_fit_no_pairs": (mt.UsageError, lambda _: fit(data.from_arrays({"x": X, "y": Y}))),
    "data_fit_several_inputs": (mt.UsageError, lambda _: fit((X, X), Y)),
    "data_fit_foreign": (mt.UsageError, lambda _: fit(range(5))),
    "data_fit_lazy_label": (mt.DataError, lambda _: fit(LAZY.map(y=lambda y: y + 1))),
    # files
    "data_name": (mt.UsageError, lambda _: data.load("cifar")),
    "data_split_name": (mt.UsageError, lambda _: data.load("digits", "validation")),
    "data_missing_file": (mt.DataError, lambda folder: data.from_csv(folder / "absent.csv", "y")),
    "data_damaged_gzip": (mt.DataError, lambda folder: idx(folder, gzip.compress(bytes(500), mtime=0)[:-9])),
    "data_idx_magic": (mt.DataError, lambda folder: idx(folder, b"\x89PNG\r\n")),
    "data_idx_short": (mt.DataError, lambda folder: idx(folder, bytes([0, 0, 8, 1, 0, 0, 0, 9, 1, 2, 3]))),
    "data_idx_header": (mt.DataError, lambda folder: idx(folder, bytes([0, 0, 8, 3, 0, 0]))),
    "data_idx_limit": (mt.LimitError, lambda folder: idx(folder, bytes([0, 0, 14, 2]) + b"\xff" * 8)),
    "data_cifar_size": (mt.DataError, lambda folder: data.read_cifar(written(folder, "x.bin", bytes(3075)))),
    "data_cifar_other": (mt.DataError, lambda folder: data.read_cifar(written(folder, "x.bin", bytes(3074)))),
    "data_csv_ragged": (mt.DataError, lambda folder: csv(folder, "a,b,y\n1,2,0\n3,4,5,1\n")),
    "data_csv_number": (mt.DataError, lambda folder: csv(folder, "age,sex,y\n31,m,0\n")),
    "data_csv_utf8": (mt.DataError, lambda folder: csv(folder, "name,y\nJosé,1\n".encode("latin-1"))),
    "data_csv_utf16": (mt.DataError, lambda folder: csv(folder, "\ufeffa,y\n1,0\n".encode("utf-16-le"))),
    "data_csv_quotes": (mt.DataError, lambda folder: csv(folder, 'a,y\n"1,0\n2,1\n')),
    "data_csv_missing": (mt.DataError, lambda folder: csv(folder, "a,y\n1,0\nNA,1\n")),
    "data_csv_giant_line": (mt.LimitError, lambda folder: csv(folder, "a,y\n1,0\n22222222,1\n", limit_line=8)),
    "data_csv_empty": (mt.DataError, lambda folder: csv(folder, "a,y\n")),
    "data_csv_twice": (mt.DataError, lambda folder: csv(folder, "y,y\n1,2\n")),
    "data_csv_column": (mt.UsageError, lambda folder: csv(folder, "a,b\n1,2\n", "label")),
    "data_csv_target": (mt.UsageError, lambda folder: csv(folder, "a,y\n1,2\n", columns=["a", "y"])),
    "data_npy_objects": (mt.FormatError, lambda folder: npy(folder, np.array([{}, {}]))),
    "data_npy_short": (mt.DataError, lambda folder: npy(folder, X, cut=5)),
    "data_npy_other": (mt.FormatError, lambda folder: data.from_npy(written(folder, "x.npy", "1,2,3\n4,5,6\n"))),
    "data_npz_name": (mt.UsageError, lambda folder: npz(folder, x_train=X, y_train=Y)),
    "data_npz_damaged": (mt.DataError, lambda folder: data.from_npz(written(folder, "x.npz", b"PK\x03\x04"))),
    "data_folder_flat": (mt.DataError, lambda folder: data.from_folder(written(folder, "a.png", b"").parent)),
    "data_folder_other": (mt.DataError, lambda folder: data.from_folder(written(folder, "cat/a.gif", b"").parents[1])),
    "data_tar_outside": (mt.FormatError, lambda folder: tar(folder, "cat/../../home/x.png")),
    "data_tar_link": (mt.FormatError, lambda folder: tar(folder, "cat/x.png", type=b"2", linkname="/etc/passwd")),
    "data_tar_damaged": (mt.DataError, lambda folder: data.from_folder(written(folder, "x.tar", b"no tar " * 99))),
    # pictures
    "image_gif": (mt.FormatError, lambda folder: image.decode(8)(written(folder, "x.png", b"GIF89a....."))),
    "image_damaged": (mt.FormatError, lambda folder: image.decode(8)(written(folder, "x.png", b"\x89PNG\r\n\x1a\n"))),
    "image_bomb": (mt.LimitError, lambda folder: image.decode(8)(written(folder, "x.png", bomb()))),
    "image_source": (mt.UsageError, lambda _: image.decode(8)(PICTURES)),
    "image_size": (mt.UsageError, lambda _: image.resize((8, 0))),
    "image_method": (mt.UsageError, lambda _: image.resize(8, "bilinaer")),
    "image_no_batch": (mt.ShapeError, lambda _: image.resize(8)(PICTURES[0])),
    "image_no_channel": (mt.ShapeError, lambda _: image.random_flip()(PICTURES[..., 0])),
    "image_channels": (mt.ShapeError, lambda _: image.greyscale()(PICTURES[..., :1])),
    "image_means": (mt.ShapeError, lambda _: image.normalise((0.5, 0.5), (0.2, 0.2))(PICTURES)),
    "image_deviation": (mt.UsageError, lambda _: image.normalise(0.5, 0.0)),
    "image_window": (mt.ShapeError, lambda _: image.center_crop(16)(PICTURES)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake(name: str, tmp_path: Path) -> None:
    kind, mistake = MISTAKES[name]
    with pytest.raises(kind) as error:
        mistake(tmp_path)
    text = re.sub(r"test_data\.py:\d+", "test_data.py:…", message(error.value).replace(str(tmp_path), "…"))
    held(name, text)


def test_every_mistake_has_a_code_of_its_own_and_a_fix(tmp_path: Path) -> None:
    for kind, mistake in MISTAKES.values():
        with pytest.raises(kind) as error:
            mistake(tmp_path)
        assert isinstance(error.value, mt.MapstoError) and error.value.code not in ("USE-01", "DATA-01", "FILE-01")
        assert error.value.fix or error.value.code.startswith("ARG-01")
