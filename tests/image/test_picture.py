"""decode_picture: what each kind of PNG and JPEG becomes, and what is refused (faults 23 and 24)."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from mapsto.core.errors import DataError, FormatError, LimitError, MapstoError, UsageError
from mapsto.image.decode import decode
from mapsto.image.picture import decode_picture, mostly_bright

GREY = np.array([[0, 100, 200], [50, 150, 255]], np.uint8)
COLOUR = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)


def encoded(picture, kind="PNG", **options):
    file = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, kind, **options)
    return file.getvalue()


def png(width, height, depth, colour, rows, *more):
    """A PNG by hand: the header, `more` parts, the rows, the end."""

    def part(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = part(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    between = b"".join(part(name, content) for name, content in more)
    return b"\x89PNG\r\n\x1a\n" + header + between + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


# Where a picture comes from


def test_bytes_path_and_file_are_the_same(tmp_path):
    content = encoded(COLOUR)
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with open(path, "rb") as file:
        sources = [content, bytearray(content), memoryview(content), path, str(path), io.BytesIO(content), file]
        for source in sources:
            pixels = decode_picture(source, None, "RGB")
            assert pixels.dtype == np.uint8 and pixels.flags.writeable and pixels.flags.c_contiguous
            np.testing.assert_array_equal(pixels, COLOUR)


def test_sources_that_are_none(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        decode_picture(tmp_path / "absent.png", None, "L")
    with pytest.raises(DataError, match="directory"):
        decode_picture(tmp_path, None, "L")
    with pytest.raises(UsageError, match="no picture is read from ndarray"):
        decode_picture(GREY, None, "L")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="open as text"):
        decode_picture(io.StringIO("text"), None, "L")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO"])
def test_only_png_and_jpeg_whatever_the_name(tmp_path, kind):
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(np.zeros((16, 16), np.uint8), kind))
    with pytest.raises(FormatError, match="neither PNG nor JPEG") as caught:
        decode_picture(path, None, "L")
    assert "picture.png" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\x89PNG", b"text", b"%!PS", b"\xff\xd8", bytes(100)])
def test_other_bytes(content):
    with pytest.raises(FormatError, match="neither PNG nor JPEG"):
        decode_picture(content, None, "L")


def test_requests_without_meaning():
    for size in [(0, 5), (-1, 5), (5,), (2.0, 3), True, "5", (5, None)]:
        with pytest.raises(UsageError, match="size is"):
            decode_picture(encoded(GREY), size, "L")
    with pytest.raises(UsageError, match="within the limit"):
        decode_picture(encoded(GREY), (10_000, 10_000), "L")
    with pytest.raises(UsageError, match="no mode 'RGBA'"):
        decode_picture(encoded(GREY), None, "RGBA")  # type: ignore[arg-type]


def test_a_size_is_what_it_is_for_the_mappings():
    content = encoded(COLOUR)
    wanted = decode_picture(content, (4, 4), "L")
    for size in (4, np.int64(4), (np.int32(4), 4), [4, 4]):
        np.testing.assert_array_equal(decode_picture(content, size, "L"), wanted)  # type: ignore[arg-type]
        np.testing.assert_array_equal(np.asarray(decode(size, "L")(content)), wanted)  # type: ignore[arg-type]


# Kinds of pictures


def test_grey_and_colour():
    np.testing.assert_array_equal(decode_picture(encoded(GREY), None, "L")[:, :, 0], GREY)
    np.testing.assert_array_equal(decode_picture(encoded(GREY), None, "RGB"), np.stack([GREY] * 3, axis=2))
    found = decode_picture(encoded(COLOUR), None, "L")[:, :, 0]
    np.testing.assert_allclose(found, COLOUR @ [0.299, 0.587, 0.114], atol=0.51)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_one_pixel(kind):
    pixels = decode_picture(encoded(np.full((1, 1), 77, np.uint8), kind), None, "L")
    assert pixels.tolist() == [[[77]]]
    assert decode_picture(encoded(np.full((1, 1), 77, np.uint8), kind), (3, 2), "RGB").tolist() == [[[77] * 3] * 2] * 3


def test_black_and_white():
    assert decode_picture(encoded(Image.fromarray(GREY).convert("1", dither=Image.Dither.NONE)), None, "L").max() == 255


def test_palette():
    picture = Image.new("P", (3, 1))
    picture.putdata([0, 1, 2])
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert decode_picture(encoded(picture), None, "RGB").tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]
    transparent = encoded(picture, transparency=bytes([255, 0, 128]))
    assert decode_picture(transparent, None, "RGB").tolist() == [[[255, 0, 0], [0, 0, 0], [0, 0, 128]]]


def test_16_bit_grey_keeps_the_upper_byte():
    values = np.array([[0, 255, 256, 257 * 100, 65535]], np.uint16)
    assert decode_picture(encoded(values), None, "L")[0, :, 0].tolist() == [0, 0, 1, 100, 255]


def test_16_bit_of_other_kinds():
    sample = struct.pack(">3H", 257 * 10, 257 * 20, 257 * 30)
    assert decode_picture(png(1, 1, 16, 2, b"\0" + sample), None, "RGB").tolist() == [[[10, 20, 30]]]
    half = struct.pack(">H", 257 * 128)
    assert decode_picture(png(1, 1, 16, 6, b"\0" + sample + half), None, "RGB").tolist() == [[[5, 10, 15]]]
    grey = struct.pack(">H", 257 * 200)
    assert decode_picture(png(1, 1, 16, 4, b"\0" + grey + half), None, "L").tolist() == [[[100]]]
    hidden = png(2, 1, 16, 0, b"\0" + grey + half, (b"tRNS", grey))
    assert decode_picture(hidden, None, "L")[0, :, 0].tolist() == [0, 128]
    colour = png(1, 1, 16, 2, b"\0" + sample, (b"tRNS", sample))
    assert decode_picture(colour, None, "RGB").shape == (1, 1, 3)


def test_transparency_shows_black():
    colours = np.array([[[200, 100, 50, 255], [200, 100, 50, 0], [200, 100, 50, 128]]], np.uint8)
    found = decode_picture(encoded(colours), None, "RGB")[0]
    assert found[0].tolist() == [200, 100, 50] and found[1].tolist() == [0, 0, 0]
    np.testing.assert_allclose(found[2], [100, 50, 25], atol=1)
    grey = Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (3, 2), 0)])
    assert decode_picture(encoded(grey), None, "L").max() == 0
    hidden = decode_picture(encoded(Image.fromarray(GREY), transparency=200), None, "L")[:, :, 0]
    np.testing.assert_array_equal(hidden, np.where(GREY == 200, 0, GREY))


def test_cmyk():
    inks = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # magenta and yellow make red
    red, green, blue = decode_picture(encoded(inks, "JPEG", quality=100), None, "RGB")[4, 4].tolist()
    assert red > 250 and green < 5 and blue < 5


def test_an_animation_shows_its_first_frame():
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 20, 30)]
    content = encoded(frames[0], save_all=True, append_images=frames[1:])
    assert decode_picture(content, None, "L").tolist() == np.full((4, 4, 1), 10).tolist()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 60000])
def test_exif_orientation(kind, orientation):
    seen = np.zeros((16, 24), np.uint8)  # upright: bright at the top left
    seen[:8, :8] = 255
    stored = {
        2: seen[:, ::-1], 3: seen[::-1, ::-1], 4: seen[::-1], 5: seen.T, 6: np.rot90(seen),
        7: seen[::-1, ::-1].T, 8: np.rot90(seen, -1),
    }.get(orientation, seen)  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(np.ascontiguousarray(stored), kind, exif=exif)
    found = decode_picture(content, None, "L")[:, :, 0]
    assert found.shape == (16, 24)
    np.testing.assert_allclose(found.astype(int), seen, atol=8)


def test_damaged_exif_leaves_the_picture():
    content = encoded(np.full((8, 8), 90, np.uint8), "JPEG", exif=b"Exif\0\0" + b"MM\0\x2a\xff\xff\xff\xff rubbish")
    with warnings.catch_warnings(record=True):  # Pillow says that the EXIF block is damaged
        warnings.simplefilter("always")
        assert abs(int(decode_picture(content, None, "L")[0, 0, 0]) - 90) <= 2


# Sizes


def test_shrinking_means_over_areas():
    board = (np.indices((16, 16)).sum(axis=0) % 2 * 255).astype(np.uint8)  # without antialiasing: all 0 or all 255
    assert set(decode_picture(encoded(board), (4, 4), "L").ravel().tolist()) <= {127, 128}
    small = np.arange(48, dtype=np.uint8).reshape(6, 8)
    large = np.repeat(np.repeat(small, 8, axis=0), 8, axis=1)
    np.testing.assert_array_equal(decode_picture(encoded(large), (6, 8), "L")[:, :, 0], small)


def test_size_is_height_and_width():
    for size in [(2, 3), (50, 20), (1, 1), (3, 99)]:
        assert decode_picture(encoded(COLOUR), size, "RGB").shape == (*size, 3)


def test_the_same_size_changes_nothing():
    np.testing.assert_array_equal(decode_picture(encoded(COLOUR), (5, 7), "RGB"), COLOUR)


# Bombs


@pytest.mark.parametrize("side", [8_000, 12_000, 30_000, 2**31 - 1])
def test_bombs_are_refused_from_the_header(monkeypatch, side):
    """Pillow by itself warns of 12,000 × 12,000 (here warnings are errors), and raises its own error of 30,000."""
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("decoded"))
    with pytest.raises(LimitError, match=f"{side} × {side} pixels, more than the limit"), warnings.catch_warnings():
        warnings.simplefilter("error")
        decode_picture(png(side, side, 8, 0, b""), None, "L")


def test_a_jpeg_bomb():
    content = bytearray(encoded(np.zeros((8, 8), np.uint8), "JPEG"))
    place = content.index(b"\xff\xc0") + 5  # height and width in the frame's header
    content[place : place + 4] = struct.pack(">HH", 65535, 65535)
    with pytest.raises(LimitError, match="65535 × 65535"):
        decode_picture(bytes(content), None, "L")


def test_the_limit_is_exact_and_can_be_chosen():
    assert decode_picture(encoded(GREY), None, "L", limit_pixels=6).shape == (2, 3, 1)
    with pytest.raises(LimitError, match="3 × 2 pixels, more than the limit of 5"):
        decode_picture(encoded(GREY), None, "L", limit_pixels=5)


def test_pillows_own_limit_does_not_matter(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode_picture(encoded(GREY), (1, 1), "L").shape == (1, 1, 1)


def test_texts_and_profiles_are_not_unpacked():
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "a" * (1 << 26), zip=True)
    bomb = encoded(GREY, pnginfo=text)
    np.testing.assert_array_equal(decode_picture(bomb, None, "L")[:, :, 0], GREY)
    place = bomb.index(b"zTXt") + 5
    with pytest.raises(FormatError, match="the checksum of a chunk zTXt is wrong"):
        decode_picture(bomb[:place] + b"d" + bomb[place + 1 :], None, "L")


def test_a_long_file(monkeypatch):
    monkeypatch.setattr("mapsto.image.picture.LIMIT_BYTES", 50)
    with pytest.raises(LimitError, match="more than 50 bytes"):
        decode_picture(io.BytesIO(encoded(GREY) + bytes(50)), None, "L")


# Damage


def test_a_png_cut_off_anywhere():
    content = encoded(COLOUR)
    for length in range(len(content) - 4):  # the last 4 bytes are the checksum of an empty part
        with pytest.raises(FormatError):
            decode_picture(content[:length], None, "RGB")


def test_a_jpeg_cut_off_anywhere():
    content = encoded(np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8), "JPEG")
    for length in range(0, len(content) - 2, 3):  # the last 2 bytes say that it ends
        with pytest.raises(FormatError):
            decode_picture(content[:length], None, "RGB")


def test_any_wrong_bit_in_a_png_is_noticed():
    content = encoded(COLOUR)
    for place in range(len(content) - 12):
        for bit in (0, 5):
            broken = bytearray(content)
            broken[place] ^= 1 << bit
            with pytest.raises(MapstoError):
                decode_picture(bytes(broken), None, "RGB", limit_pixels=10**6)


def test_rubbish_never_raises_another_error():
    rng = np.random.default_rng(0)
    for start in (encoded(COLOUR), encoded(COLOUR, "JPEG"), encoded(Image.fromarray(COLOUR).convert("P"))):
        for _ in range(300):
            broken = np.frombuffer(start, np.uint8).copy()
            places = rng.integers(8, len(broken), 4)
            broken[places] = rng.integers(0, 256, 4)
            try:
                pixels = decode_picture(broken.tobytes(), (4, 4), "RGB", limit_pixels=10**6)
            except MapstoError:
                continue
            assert pixels.shape == (4, 4, 3)


def test_the_message_is_short_and_names_the_file(tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(encoded(COLOUR)[:60])
    with pytest.raises(FormatError) as caught:
        decode_picture(path, None, "L")
    assert caught.value.code == "IMAGE-03" and "broken.png: damaged or cut off" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 12


# What it is for


def test_the_sample_picture_becomes_the_digit_again():
    folder = Path(__file__).parents[2] / "mapsto" / "data"
    with np.load(folder / "digits.npz", allow_pickle=False) as file:
        digits = file["x"]
    pixels = decode_picture(folder / "sample_digit.png", (8, 8), "L")
    assert sum(np.array_equal(pixels, digit) for digit in digits) == 1


def test_mostly_bright():
    assert not mostly_bright(np.full((2, 2, 1), 127, np.uint8))
    assert mostly_bright(np.full((2, 2, 3), 128, np.uint8))
