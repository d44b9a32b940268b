"""HDF5 files of strange structure: a seeded part of scripts/fuzz_hdf5.py, and those that once took too much."""

import random
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from tests.files.common import tiny_net
from tests.files.mutate import Stream
from tests.files.opened import Watched
from tests.files.test_fuzz import measured

h5py = pytest.importorskip("h5py")
from tests.files.mutate_hdf5 import strange_file  # noqa: E402

needs_proc = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux says what is opened and had")


@needs_proc
@pytest.mark.parametrize("seed", range(2))
def test_strange_files(seed: int, tmp_path: Path) -> None:
    """Each loads, or is refused in our words, and nothing else is opened."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path, other, net, codes = tmp_path / "fuzzed", elsewhere / "other.h5", tiny_net(), Counter[str]()
    other.write_bytes(strange_file(Stream(b""), other))
    watched, source = Watched(elsewhere), random.Random(seed)
    other.read_bytes()
    assert watched.opened  # so it would be noticed
    for _ in range(400):
        path.write_bytes(strange_file(Stream(source.randbytes(400)), other))
        begin, _ = time.perf_counter(), watched.opened
        try:
            net.load_weights(path)
            codes["loaded"] += 1
        except (mt.FormatError, mt.LimitError) as error:
            codes[error.code] += 1
        assert time.perf_counter() - begin < 2 and not watched.opened  # 1 ms on an idle core
    watched.close()
    assert codes.keys() >= {"loaded", "FILE-23", "FILE-28", "FILE-30"}, codes


def group_of(file: Any) -> Any:
    """A file as Keras writes it for `tiny_net`, but for the bias ↦ the group in which the bias is to stand."""
    group = file.create_group("layers/dense/vars")
    group["0"] = np.ones((2, 1), np.float32)
    return group


def packed_bomb(file: Any) -> None:
    """An array of one number whose only piece unpacks to 150 MB."""
    made = group_of(file).create_dataset("1", (1,), "f4", chunks=(1,), compression="gzip")
    made.id.write_direct_chunk((0,), zlib.compress(bytes(150 << 20), 1))


def a_long_name_above_many(file: Any) -> None:
    """Which would stand in every path."""
    group = group_of(file).create_group("x" * 60_000).create_group("vars")
    group["first"] = np.ones(1)
    for number in range(7000):
        group[f"{number}"] = group["first"]


def groups_that_all_hold_each_other(file: Any) -> None:
    group = group_of(file)
    for number in range(5000):
        group[f"{number}x"] = group


def the_same_layer_often(file: Any) -> None:
    file.create_group("dense/dense")
    for number in range(2000):
        file[f"dense/dense/{number}"] = np.ones(1)
    file.attrs["layer_names"] = np.array([b"dense"] * 5000)


def rows_without_end(file: Any) -> None:
    """An array where a group is looked for, which the library gives row by row."""
    file.create_dataset("model_weights", (2**40, 2**20), "f4", chunks=(1, 2**20)).attrs["layer_names"] = [b"dense"]


def an_array_for_a_layer(file: Any) -> None:
    file.create_dataset("dense", (2**40, 2**20), "f4", chunks=(1, 2**20))
    file.attrs["layer_names"] = [b"dense"]


def a_long_name_read_often(file: Any) -> None:
    group = group_of(file)
    group["1"] = np.ones(1, np.float32)
    group.attrs["name"] = "x" * 60_000


def an_unknown_filter(file: Any) -> None:
    """For which the library would look for code to load."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((1,))
    plist.set_filter(305, h5py.h5z.FLAG_OPTIONAL, ())
    h5py.h5d.create(group_of(file).id, b"1", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((1,)), plist)


def a_group_called_as_a_path(file: Any) -> None:
    group_of(file)["a" * 8] = np.ones(1)


def very_long_texts(file: Any) -> None:
    file.attrs["layer_names"] = np.array([b"x" * 6000] * 10)


FOUND: dict[str, tuple[Callable[[Any], None], str]] = {
    "a bomb in a piece": (packed_bomb, "FILE-30"),
    "a long name above many": (a_long_name_above_many, "FILE-23"),
    "circles": (groups_that_all_hold_each_other, "FILE-28"),
    "the same layer often": (the_same_layer_often, "FILE-28"),
    "rows without end": (rows_without_end, "FILE-30"),
    "an array for a layer": (an_array_for_a_layer, "FILE-30"),
    "a long name read often": (a_long_name_read_often, "FILE-23"),
    "an unknown filter": (an_unknown_filter, "FILE-30"),
    "very long texts": (very_long_texts, "FILE-23"),
}


@needs_proc
@pytest.mark.parametrize("name", FOUND)
def test_what_once_took_too_much(name: str, tmp_path: Path) -> None:
    make, code = FOUND[name]
    with h5py.File(tmp_path / "sound", "w") as file:
        group_of(file)["1"] = np.ones(1, np.float32)
    with h5py.File(tmp_path / "x", "w", libver="latest") as file:
        make(file)
    found, memory, seconds = measured(tmp_path / "x", "weights", tmp_path / "sound")
    assert found == code
    assert memory <= (tmp_path / "x").stat().st_size + (64 << 20), f"{memory >> 20} MiB"
    assert seconds < 2, seconds  # 0.2 s on an idle core


def test_a_name_that_is_a_path(tmp_path: Path) -> None:
    """The library would follow it, and any link on the way."""
    with h5py.File(tmp_path / "x", "w") as file:
        a_group_called_as_a_path(file)
    content = (tmp_path / "x").read_bytes()
    assert content.count(b"aaaaaaaa") == 1
    (tmp_path / "x").write_bytes(content.replace(b"aaaaaaaa", b"a/bbbbbb"))
    with pytest.raises(mt.FormatError, match="has a part called b'a/bbbbbb'"):
        tiny_net().load_weights(tmp_path / "x")


@pytest.mark.parametrize(
    "options", [{}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True, "fletcher32": True}]
)
def test_packed_arrays_load(options: dict[str, Any], tmp_path: Path) -> None:
    """In pieces of which one hangs over the edge."""
    net = mt.nn.Dense(5).init(mt.key(0), mt.xp.ones((1, 7)))
    kernel = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    with h5py.File(tmp_path / "x", "w") as file:
        group = file.create_group("layers/dense/vars")
        group.create_dataset("0", data=kernel, chunks=(3, 2), **options)
        group.create_dataset("1", data=np.arange(5, dtype=">f8"), chunks=(4,), **options)
    loaded = net.load_weights(tmp_path / "x")
    assert np.array_equal(np.asarray(loaded.weight), kernel)
    assert np.array_equal(np.asarray(loaded.bias), np.arange(5, dtype=np.float32))


@pytest.mark.parametrize("size", [0, 2**64 - 16])
def test_a_heap_without_end(size: int, tmp_path: Path) -> None:
    """A piece of no bytes, after which the library reads it again."""
    with h5py.File(tmp_path / "x", "w") as file:
        file.attrs["layer_names"] = ["dense"]
        file["dense/kernel"] = np.ones((2, 1), np.float32)
    content = bytearray((tmp_path / "x").read_bytes())
    at = content.index(b"GCOL") + 16
    assert content[at : at + 2] == b"\1\0"  # the only text
    content[at] = int(size > 0)
    content[at + 8 : at + 16] = size.to_bytes(8, "little")
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(mt.FormatError, match="says that it has no bytes"):
        tiny_net().load_weights(tmp_path / "x")


def test_heaps_in_heaps_take_no_time(tmp_path: Path) -> None:
    """As many as fit, each of which goes on to the end of the file."""
    with h5py.File(tmp_path / "x", "w") as file:
        file["a"] = np.ones(1)
    head = b"GCOL\1\0\0\0" + (2**40).to_bytes(8, "little")
    piece = b"\1\0\0\0\0\0\0\0" + (24).to_bytes(8, "little") + bytes(8)  # the next begins behind a head
    with open(tmp_path / "x", "ab") as file:
        file.write((head + piece) * 25_000)
    begin = time.process_time()
    with pytest.raises(mt.LimitError, match="pieces in heaps"):
        tiny_net().load_weights(tmp_path / "x")
    assert time.process_time() - begin < 2
