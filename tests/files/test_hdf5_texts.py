"""Texts in HDF5 files that have lengths of their own: read as the library reads them, and refused before they cost."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from tests.files.common import tiny_net
from tests.files.test_fuzz import measured

h5py = pytest.importorskip("h5py")
from mapsto.files.hdf5_texts import Texts  # noqa: E402

needs_proc = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux says what memory was had")
VERSIONS = [("earliest", "latest"), ("v108", "v108"), ("latest", "latest")]


def written(path: Path, version: tuple[str, str], **attributes: Any) -> bytes:
    """Keras's older layout for `tiny_net`, with further attributes ↦ the file's bytes."""
    with h5py.File(path, "w", libver=version) as file:
        file.attrs["layer_names"] = ["dense"]
        for name, value in attributes.items():
            file.attrs[name] = value
        file["dense/dense/kernel:0"], file["dense/dense/bias:0"] = np.ones((2, 1), "f4"), np.ones(1, "f4")
    return path.read_bytes()


@pytest.mark.parametrize("version", VERSIONS)
def test_as_the_library_reads_them(version: tuple[str, str], tmp_path: Path) -> None:
    """In heads of one block and of several, with empty texts and in any alphabet."""
    listed = ["", "é", "層", "x" * 290, *(f"name{number}" for number in range(500))]
    written(tmp_path / "x", version, some=listed, one="ein Wort", none="", fixed=np.array([b"a", b"bcd"]))
    with open(tmp_path / "x", "rb") as raw, h5py.File(tmp_path / "x") as file:
        texts = Texts(raw)
        assert texts.several(file, "some") == listed
        assert texts.several(file, "fixed") == ["a", "bcd"]
        assert [texts.one(file, name) for name in ("one", "none", "not there", "some")] == ["ein Wort", "", "", ""]
    assert tiny_net().load_weights(tmp_path / "x")


@needs_proc
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("length", [301, 10_000, 2**30, 2**32 - 1])
def test_a_length_that_is_not_there(version: tuple[str, str], length: int, tmp_path: Path) -> None:
    """The library would make room for it: 1.7 GB for one file of 9 KB."""
    written(tmp_path / "sound", version)
    content = damaged(written(tmp_path / "x", version), version, 0, struct.pack("<I", length))
    (tmp_path / "x").write_bytes(content)
    found, memory, seconds = measured(tmp_path / "x", "weights", tmp_path / "sound")
    assert found == "FILE-23"
    assert memory <= len(content) + (64 << 20), f"{memory >> 20} MiB"
    assert seconds < 2, seconds


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, struct.pack("<I", 200), "a text of 200 bytes is to stand in"),
        (4, struct.pack("<Q", 16), "where there is none"),
        (4, struct.pack("<Q", 2**40), "where the file ends"),
        (4, struct.pack("<Q", 2**64 - 1), "a part of"),
        (12, struct.pack("<I", 77), "is to stand in 0 of a heap"),
    ],
)
def test_a_text_that_is_not_where_it_is_to_be(place: int, value: bytes, message: str, tmp_path: Path) -> None:
    content = written(tmp_path / "x", VERSIONS[0])
    (tmp_path / "x").write_bytes(damaged(content, VERSIONS[0], place, value))
    with pytest.raises(mt.FormatError, match=message):
        tiny_net().load_weights(tmp_path / "x")


def damaged(content: bytes, version: tuple[str, str], place: int, value: bytes) -> bytes:
    """A file whose only text is "dense" ↦ one that says something else of it; the library finds its sums right."""
    reference = struct.pack("<IQI", 5, content.index(b"GCOL\1"), 1)
    assert content.count(reference) == 1
    at = content.index(reference) + place
    changed = bytearray(content[:at] + value + content[at + len(value) :])
    if version[0] != "earliest":
        begin = content.rindex(b"OHDR", 0, at)
        flags = content[begin + 5]
        before = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        end = begin + before + width + int.from_bytes(content[begin + before : begin + before + width], "little")
        assert at < end
        assert lookup3(content[begin:end]) == int.from_bytes(content[end : end + 4], "little")
        changed[end : end + 4] = lookup3(bytes(changed[begin:end])).to_bytes(4, "little")
    return bytes(changed)


def lookup3(content: bytes) -> int:
    """The sum that HDF5 has of a head (Bob Jenkins, lookup3.c, 2006), written from its description."""
    a = b = c = (0xDEADBEEF + len(content)) % 2**32

    def turned(x: int, by: int) -> int:
        return (x << by | x >> (32 - by)) % 2**32

    rest = content
    while len(rest) > 12:
        x, y, z = struct.unpack("<3I", rest[:12])
        a, b, c = (a + x) % 2**32, (b + y) % 2**32, (c + z) % 2**32
        for by in (4, 6, 8, 16, 19, 4):
            a = ((a - c) % 2**32) ^ turned(c, by)
            c = (c + b) % 2**32
            a, b, c = b, c, a
        rest = rest[12:]
    if rest:
        x, y, z = struct.unpack("<3I", rest.ljust(12, b"\0"))
        a, b, c = (a + x) % 2**32, (b + y) % 2**32, (c + z) % 2**32
        for by in (14, 11, 25, 16, 4, 14, 24):
            c = ((c ^ b) - turned(b, by)) % 2**32
            a, b, c = b, c, a
        a, b, c = c, a, b
    return c


def test_texts_in_a_store_of_their_own_are_refused_with_a_way_out(tmp_path: Path) -> None:
    written(tmp_path / "x", VERSIONS[2], **{f"more{number}": "x" for number in range(20)})
    with pytest.raises(mt.FormatError, match="layer_names of / is not in its head") as caught:
        tiny_net().load_weights(tmp_path / "x")
    assert "h5repack" in str(caught.value)
