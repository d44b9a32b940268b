"""Every truncation and every flipped bit of a file is refused, with words that say where."""

import os
from pathlib import Path

import pytest

import mapsto as mt
from tests.files.common import saved, taken_apart, tiny_net


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return saved(tiny_net(), tmp_path)


def test_cut_off_at_any_byte(path: Path) -> None:
    for size in reversed(range(path.stat().st_size)):
        os.truncate(path, size)
        with pytest.raises(mt.FormatError, match=rf"net\.mapsto: it is cut off.* it has {size} bytes.*\n"):
            mt.load(path)
        with pytest.raises(mt.FormatError, match="cut off"):
            mt.files.inspect_file(path)


def test_anything_after_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(mt.FormatError, match="something follows the end"):
        mt.load(path)


def test_any_bit_flipped(path: Path) -> None:
    content = path.read_bytes()
    with open(path, "r+b", buffering=0) as file:
        for i, byte in enumerate(content):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), i)
                with pytest.raises(mt.FormatError, match=r"\[FILE-\d\d\]"):
                    mt.load(path)
            os.pwrite(file.fileno(), bytes([byte]), i)
    mt.load(path)


def test_a_damaged_tensor_is_named(path: Path) -> None:
    content = bytearray(path.read_bytes())
    names = sorted(taken_apart(path)[0]["hidden"])  # bias, 4 bytes; weight, 8 bytes: the last of the file
    for name, offset in zip(names, (-12, -1), strict=True):
        content[offset] ^= 1
        path.write_bytes(content)
        with pytest.raises(mt.FormatError, match=f"tensor {name} is damaged"):
            mt.load(path)
        content[offset] ^= 1


def test_a_header_of_any_length(path: Path) -> None:
    content = path.read_bytes()
    for length in (len(content), 2**31, 2**63, 2**64 - 1):
        path.write_bytes(content[:8] + length.to_bytes(8, "little") + content[16:])
        with pytest.raises(mt.FormatError, match="header's length"):
            mt.load(path)


def test_a_header_beyond_the_limit(path: Path) -> None:
    length = (16 << 20) + 1
    with open(path, "r+b") as file:
        file.seek(8)
        file.write(length.to_bytes(8, "little"))
        file.truncate(length + 100)
    with pytest.raises(mt.LimitError, match=f"{length} bytes"):
        mt.load(path)


def test_another_version(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:7] + b"\x02" + content[8:])
    with pytest.raises(mt.FormatError, match=r"reads version 1(.|\n)*reads format version 2"):
        mt.load(path)
