"""Pictures in more parts than any encoder writes cost nothing (fault 24), and those of all encoders are read."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from mapsto.core.errors import FormatError, LimitError
from mapsto.image import eight_bits
from mapsto.image.head import head_of, work_of
from mapsto.image.picture import decode_picture
from tests.server.pictures import SCAN, with_scans

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (48, 40, 4)).astype(np.uint8)


def jpeg(picture: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", **options)
    return file.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize(("mode", "scans"), [("L", 6), ("RGB", 10), ("CMYK", 18)])
def test_scans_are_counted(mode: str, scans: int) -> None:
    picture = Image.fromarray(NOISE[:, :, :3]).convert(mode)
    assert head_of(jpeg(picture))[1:] == (40, 48, 1)
    file = jpeg(picture, progressive=True, quality=100)
    assert head_of(file)[1:] == (40, 48, scans)
    assert decode_picture(file, None, "RGB", limit_pixels=40 * 48).shape == (48, 40, 3)


def test_markers_in_segments_and_behind_the_end_are_no_scans() -> None:
    file = jpeg(Image.fromarray(NOISE[:, :, :3]), exif=b"Exif\0\0" + 200 * SCAN, comment=200 * SCAN)
    assert head_of(file + 200 * SCAN).scans == 1
    assert decode_picture(file + 200 * SCAN, None, "L").shape == (48, 40, 1)
    restarts = jpeg(Image.fromarray(NOISE[:, :, :3]), restart_marker_blocks=1)
    assert head_of(restarts).scans == 1


def test_a_comment_that_ends_the_picture_hides_no_scans() -> None:
    file = with_scans(64, 100)
    last = file.rindex(SCAN)
    with pytest.raises(LimitError, match="more than 64 scans"):
        decode_picture(file[:last] + segment(0xFE, b"\xff\xd9") + file[last:], None, "L")


def test_scans_of_a_large_picture() -> None:
    assert decode_picture(with_scans(64, 50), (8, 8), "L").shape == (8, 8, 1)
    assert decode_picture(with_scans(64, 15), (8, 8), "L", limit_pixels=64 * 64).shape == (8, 8, 1)
    with pytest.raises(LimitError, match="more than 20 scans, at 64 × 64 pixels"):
        decode_picture(with_scans(64, 16), (8, 8), "L", limit_pixels=64 * 64)
    began = time.monotonic()
    with pytest.raises(LimitError, match="more than 64 scans"):
        decode_picture(with_scans(7000, 200), (8, 8), "L")  # which took 3.5 s
    assert time.monotonic() - began < 1.5


LONG = 16 << 20
ENDLESS = {
    "segments": b"\xff\xd8" + segment(0xFE, b"") * (LONG // 4),
    "fill": b"\xff" + b"\xd8" + b"\xff" * LONG,
    "nothing": b"\xff\xd8\xff\xe0\x00\x02" + bytes(LONG),
    "exif": b"\xff\xd8" + segment(0xE1, b"Exif\0\0" + bytes(1018)) * (LONG >> 10),
    "data": jpeg(Image.new("L", (8, 8)))[:-2] + b"\xff\x00" * (LONG // 2),
    "chunks": b"\x89PNG\r\n\x1a\n" + (bytes(4) + b"IDAT" + zlib.crc32(b"IDAT").to_bytes(4, "big")) * (LONG // 12),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_long_files_of_nothing_are_refused_soon(kind: str) -> None:
    began = time.monotonic()
    work_of(ENDLESS[kind])
    assert time.monotonic() - began < 0.5
    if kind != "data":
        with pytest.raises((LimitError, FormatError)):
            decode_picture(ENDLESS[kind], (8, 8), "L")
    assert time.monotonic() - began < 1


def test_two_sizes() -> None:
    file = bytearray(jpeg(Image.new("L", (8, 8))))
    place = file.index(b"\xff\xc0")
    length = int.from_bytes(file[place + 2 : place + 4], "big")
    twice = bytes(file[:place]) + bytes(file[place : place + 2 + length]) + bytes(file[place:])
    with pytest.raises(FormatError, match="another picture begins within it"):
        decode_picture(twice, None, "L")
    png = io.BytesIO()
    Image.new("L", (8, 8)).save(png, "PNG")
    content = png.getvalue()
    large = b"IHDR" + struct.pack(">IIBBBBB", 9000, 9000, 8, 0, 0, 0, 0)
    second = struct.pack(">I", 13) + large + struct.pack(">I", zlib.crc32(large))
    with pytest.raises(FormatError, match="it tells two sizes"):
        decode_picture(content[:33] + second + content[33:], None, "L")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_strip_by_strip_is_the_same(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Image.fromarray(NOISE)
    if mode == "I;16":
        picture = Image.fromarray(RNG.integers(0, 1 << 16, (48, 40)).astype(np.uint16))
    elif mode == "CMYK":
        picture = picture.convert("RGB").convert(mode)
    elif mode != "RGBA":
        picture = picture.convert("RGB").quantize(64) if mode == "P" else picture.convert(mode)
    for more in ({}, {"transparency": 7}) if mode in ("L", "P", "I;16") else ({},):
        file = io.BytesIO()
        picture.save(file, "JPEG" if mode == "CMYK" else "PNG", **more)
        whole = decode_picture(file.getvalue(), None, "RGB")
        with monkeypatch.context() as patched:
            patched.setattr(eight_bits, "STRIP", 7 * 40)
            np.testing.assert_array_equal(decode_picture(file.getvalue(), None, "RGB"), whole)
