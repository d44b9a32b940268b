"""The bytes of a PNG or JPEG ↦ its pixels, for pictures from strangers: limits first, then the decoder."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np

from mapsto.core.check import one_of
from mapsto.core.errors import DataError, LimitError, MapstoError, UsageError
from mapsto.core.lazy import optional
from mapsto.image.checks import size_of
from mapsto.image.chunks import without_texts
from mapsto.image.eight_bits import eight_bits
from mapsto.image.head import FREE_SCANS, Head, head_of
from mapsto.image.refused import damaged, too_many

if TYPE_CHECKING:
    import PIL.Image
    import PIL.JpegImagePlugin
    import PIL.PngImagePlugin
    from PIL.ImageFile import ImageFile
else:
    PIL = optional("PIL", extra="", parts=("Image", "JpegImagePlugin", "PngImagePlugin"))

Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
Source = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO

LIMIT_PIXELS = 50_000_000  # 150 MB as RGB
LIMIT_BYTES = 1 << 28  # of the file

# Their classes are called directly, for `Image.open` warns of large pictures, and that warning could not be kept quiet
# safely in a server with several threads.
_ORIENTATION = 0x0112  # tag of EXIF: how the camera was held
_UPRIGHT = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def decode_picture(
    source: Source, size: int | tuple[int, int] | None, mode: Literal["L", "RGB"], limit_pixels: int = LIMIT_PIXELS
) -> Pixels:
    """A PNG or JPEG, as bytes, path or binary file ↦ u8[h, w, c], c = 1 for "L" (grey) and 3 for "RGB".

    `size` is (height, width), one number for both, or None to keep the picture's; the picture is stretched to it, not
    cut. Where neither side grows, each new pixel is the mean of the area it covers (Pillow's BOX), otherwise the filter
    is bicubic.

    In this order: the first frame of an animation; palettes become colours; of 16 bits the upper 8 are kept;
    transparent parts show black; CMYK becomes RGB by Pillow's simple formula; the picture is turned as its EXIF
    orientation says; then size; grey is 0.299 R + 0.587 G + 0.114 B. Texts and colour profiles are passed over. A
    damaged EXIF block or a damaged animation is a warning of Pillow's, and the picture is read without it.

    Raises, with the path in the message, DataError (READ-01) for what cannot be read; FormatError for what is no PNG or
    JPEG (IMAGE-01), or is cut off or damaged (IMAGE-03; a JPEG has no checksums: only as far as the decoder notices);
    LimitError, before anything is decoded, for more than `limit_pixels` pixels (IMAGE-02), a file of more than 256 MiB
    (IMAGE-04), or one of more scans, segments or chunks than encoders write: of a JPEG's scans 64, and 20 if it has all
    the pixels it may have (IMAGE-09); UsageError for another size (ARG-01), mode (ARG-02) or kind of source (IMAGE-05).
    It takes 8 bytes of memory a pixel of the file at most; a JPEG of several scans 12.

    >>> import io
    >>> file = io.BytesIO()
    >>> PIL.Image.fromarray(np.array([[0, 100], [200, 255]], np.uint8)).save(file, "PNG")
    >>> decode_picture(file.getvalue(), None, "L")[:, :, 0].tolist()
    [[0, 100], [200, 255]]
    >>> decode_picture(file.getvalue(), (1, 2), "RGB").tolist()
    [[[100, 100, 100], [178, 178, 178]]]
    """
    one_of("decode", "mode", mode, ("L", "RGB"))
    wanted = None if size is None else size_within(size, limit_pixels)
    name, content = _content(source)
    head = head_of(content, name)
    check_limits(head, name, limit_pixels)
    try:
        picture = _whole(head, name, content)
        if wanted is not None:
            picture = _resized(picture, *wanted)
        pixels = np.array(picture.convert(mode), np.uint8)
    except (MapstoError, MemoryError):
        raise
    except Exception as problem:
        # Damage shows in the decoders as any of a dozen exceptions (SyntaxError, struct.error, OSError, ValueError …).
        raise damaged(name, f"{problem or type(problem).__name__}"[:300]) from problem
    return pixels.reshape(*pixels.shape[:2], 1 if mode == "L" else 3)


def check_limits(head: Head, name: str, limit_pixels: int) -> None:
    """Raises LimitError for a picture of too many pixels (IMAGE-02), or too many for its scans (IMAGE-09)."""
    width, height = head.width, head.height
    if width * height > limit_pixels:
        fix = "give a smaller picture, or raise limit_pixels"
        raise LimitError("IMAGE-02", path=name, width=width, height=height, limit=limit_pixels, fix=fix)
    if head.work > limit_pixels:
        most = FREE_SCANS * limit_pixels // (width * height)
        raise too_many(name, most, f"scans, at {width} × {height} pixels")


def mostly_bright(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bool:
    """u8[h, w, c] ↦ whether its mean is above 127, as of dark ink on white paper.

    The sets of digits and clothes have bright figures on black; a picture the other way round is guessed wrong.

    >>> mostly_bright(np.full((8, 8, 1), 255, np.uint8)), mostly_bright(np.zeros((8, 8, 1), np.uint8))
    (True, False)
    """
    return float(np.mean(picture)) > 127


def size_within(size: int | tuple[int, int], limit_pixels: int) -> tuple[int, int]:
    """(height, width), or one number for both ↦ the pair, of `limit_pixels` at most. Raises UsageError (ARG-01).

    >>> size_within(28, 1000)
    (28, 28)
    """
    height, width = size_of("decode", size)
    if height * width > limit_pixels:
        wanted = f"within the limit of {limit_pixels} pixels"
        raise UsageError("ARG-01", function="decode", name="size", value=size, wanted=wanted)
    return height, width


def _content(source: Source) -> tuple[str, bytes]:
    """Bytes, path or file ↦ a name for messages, and all the bytes."""
    if isinstance(source, bytes | bytearray | memoryview):
        name, content = "<bytes>", bytes(source)
    elif isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        try:
            with open(name, "rb") as file:
                content = file.read(LIMIT_BYTES + 1)
        except OSError as problem:
            reason = problem.strerror or str(problem)
            raise DataError("READ-01", path=name, reason=reason, fix="check the path") from problem
    elif callable(getattr(source, "read", None)):
        name = str(getattr(source, "name", "<file>"))
        content = source.read(LIMIT_BYTES + 1)
        if not isinstance(content, bytes):
            raise UsageError("IMAGE-05", found=f"{name}, which is open as text", fix='open it with mode "rb"')
    else:
        found = type(source).__name__
        raise UsageError("IMAGE-05", found=found, fix="give bytes, a path or a binary file")
    if len(content) > LIMIT_BYTES:
        raise LimitError("IMAGE-04", path=name, limit=LIMIT_BYTES, fix="give a smaller picture")
    return name, content


def _whole(head: Head, name: str, content: bytes) -> PIL.Image.Image:
    """The picture in mode L or RGB, upright. What it was read from is given back to the memory."""
    if head.kind == "PNG":
        content = without_texts(content, name)
        _open(head, content).verify()  # the checksums of its parts, which reading the pixels does not compare
    with _open(head, content) as file:
        if file.size != (head.width, head.height):
            raise damaged(name, "it tells two sizes")
        picture = eight_bits(file)
        turn = _turn(file)
    return picture if turn is None else picture.transpose(turn)


def _open(head: Head, content: bytes) -> ImageFile:
    reader = PIL.PngImagePlugin.PngImageFile if head.kind == "PNG" else PIL.JpegImagePlugin.JpegImageFile
    return reader(io.BytesIO(content))


def _turn(file: ImageFile) -> PIL.Image.Transpose | None:
    """How the picture is to be turned; None if it is upright."""
    try:
        orientation = file.getexif().get(_ORIENTATION)
    except Exception:  # a damaged EXIF block does not make the pixels unreadable
        return None
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return None if turn is None else PIL.Image.Transpose[turn]


def _resized(picture: PIL.Image.Image, height: int, width: int) -> PIL.Image.Image:
    shrinks = height <= picture.height and width <= picture.width
    return picture.resize((width, height), PIL.Image.Resampling.BOX if shrinks else PIL.Image.Resampling.BICUBIC)
