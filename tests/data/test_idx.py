"""IDX files: read whole and exactly, or refused with both sizes or the bytes found (faults 16, 17, 22)."""

import gzip
import re
import struct
import zlib

import numpy as np
import pytest

from mapsto.core.errors import DataError, LimitError
from mapsto.data import read_idx

CODES = {np.uint8: 0x08, np.int8: 0x09, np.int16: 0x0B, np.int32: 0x0C, np.float32: 0x0D, np.float64: 0x0E}


def idx(array):
    array = np.asarray(array)
    header = struct.pack(">HBB", 0, CODES[array.dtype.type], array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def packed(content):
    return gzip.compress(content, mtime=0)


PICTURES = np.random.default_rng(0).integers(0, 256, (20, 5, 4)).astype(np.uint8)


def write(folder, content, name="set-idx3-ubyte"):
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("pack", [bytes, packed])
@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("shape", [(7,), (2, 3, 4), (0,), (3, 0, 2)])
def test_reads_every_type(tmp_path, kind, pack, shape):
    array = (np.random.default_rng(1).normal(size=shape) * 50).astype(kind)
    found = read_idx(write(tmp_path, pack(idx(array))))
    assert found.dtype == array.dtype and found.dtype.isnative and found.flags.writeable
    np.testing.assert_array_equal(found, array)


def test_packed_or_not_is_seen_by_the_content(tmp_path):
    np.testing.assert_array_equal(read_idx(write(tmp_path, packed(idx(PICTURES)), "no-gz")), PICTURES)
    np.testing.assert_array_equal(read_idx(str(write(tmp_path, idx(PICTURES), "not-packed.gz"))), PICTURES)


@pytest.mark.parametrize(
    "start, shown",
    [
        (b"", "nothing"),
        (b"\0\0\x08", "00 00 08"),
        (b"\x89PNG", "89 50 4e 47"),
        (b"\0\0\x07\x01", "00 00 07 01"),
        (b"\0\0\x08\x00", "00 00 08 00"),
        (b"\0\0\x08\xff", "00 00 08 ff"),
        (b"\x03\x08\0\0", "03 08 00 00"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, packed])
def test_wrong_magic_shows_the_bytes(tmp_path, start, shown, pack):
    with pytest.raises(DataError, match="not an IDX file") as caught:
        read_idx(write(tmp_path, pack(start + bytes(40) if len(start) == 4 else start)))
    assert shown in str(caught.value)


@pytest.mark.parametrize("pack", [bytes, packed])
def test_cut_off_anywhere(tmp_path, pack):
    whole = pack(idx(PICTURES[:2]))
    for length in range(len(whole)):
        with pytest.raises(DataError):
            read_idx(write(tmp_path, whole[:length]))


def test_short_and_long_name_both_sizes(tmp_path):
    whole = idx(PICTURES)
    for pack in (bytes, packed):
        with pytest.raises(DataError, match="shorter than its header") as caught:
            read_idx(write(tmp_path, pack(whole[:-1])))
        assert "400 bytes" in str(caught.value) and "399 bytes" in str(caught.value)
        with pytest.raises(DataError, match="longer than its header") as caught:
            read_idx(write(tmp_path, pack(whole + b"\0")))
        assert "400 bytes" in str(caught.value) and "more than 400 bytes" in str(caught.value)
        with pytest.raises(DataError, match="ends within its header"):
            read_idx(write(tmp_path, pack(whole[:9])))


def test_damaged_gzip(tmp_path):
    whole = bytearray(packed(idx(PICTURES)))
    whole[-6] ^= 1  # in the checksum
    with pytest.raises(DataError, match="CRC"):
        read_idx(write(tmp_path, bytes(whole)))
    for place in range(11, len(whole), 7):  # before that, some bits mean nothing
        broken = bytearray(packed(idx(PICTURES)))
        broken[place] ^= 0x10
        with pytest.raises((DataError, LimitError)):
            read_idx(write(tmp_path, bytes(broken)))
    with pytest.raises(DataError, match="damaged"):
        read_idx(write(tmp_path, packed(idx(PICTURES)) + b"rubbish"))


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    """A file whose header says 400 bytes and which unpacks to 64 MB: at most 401 of the elements are read."""
    read = 0
    original = gzip.GzipFile.read

    def counting(self, size=-1):
        nonlocal read
        chunk = original(self, size)
        read += len(chunk)
        return chunk

    monkeypatch.setattr(gzip.GzipFile, "read", counting)
    with pytest.raises(DataError, match="longer"):
        read_idx(write(tmp_path, packed(idx(PICTURES) + bytes(1 << 26))))
    assert read == 4 + 12 + 401


def test_a_header_cannot_ask_for_memory(tmp_path):
    """Extents whose product overflows 64 bits, and some that merely promise too much."""
    for extents in [(2**32 - 1,) * 3, (2**31, 2)]:
        content = struct.pack(">HBB", 0, 0x0E, len(extents)) + struct.pack(f">{len(extents)}I", *extents)
        for pack in (bytes, packed):
            with pytest.raises(LimitError, match="more than the limit"):
                read_idx(write(tmp_path, pack(content)))
    content = struct.pack(">HBBI", 0, 0x08, 1, 2**32 - 1) + b"only this"
    with pytest.raises(DataError, match="shorter"):
        read_idx(write(tmp_path, content))
    with pytest.raises(LimitError, match=re.escape("limit of 399")):
        read_idx(write(tmp_path, idx(PICTURES)), limit_bytes=399)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="directory"):
        read_idx(tmp_path)


def test_raw_deflate_errors_are_ours(tmp_path):
    header = packed(b"")[:10]
    with pytest.raises(DataError, match="damaged") as caught:
        read_idx(write(tmp_path, header + b"\xff" * 50))
    assert isinstance(caught.value.__cause__, zlib.error)


def test_absurd_extents_beside_a_zero(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"\0\0\x08\x03" + b"\xff" * 8 + b"\0" * 4)
    with pytest.raises(LimitError):
        read_idx(path)
