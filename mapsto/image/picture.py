"""The bytes of a PNG or JPEG ↦ its pixels, for pictures from strangers: limits first, then the decoder."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np

from mapsto.core.check import one_of
from mapsto.core.errors import DataError, FormatError, LimitError, MapstoError, UsageError
from mapsto.core.lazy import optional
from mapsto.image.checks import size_of

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

# Only these two: Pillow reads some forty formats, and their decoders have had holes (FITS, EPS, PDF, JPEG 2000). Their
# classes are called directly, for `Image.open` warns of large pictures, and that warning could not be kept quiet safely
# in a server with several threads.
_KINDS = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}

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
    orientation says; then size; grey is 0.299 R + 0.587 G + 0.114 B. Colour profiles are ignored. A damaged EXIF block
    or a damaged animation is a warning of Pillow's, and the picture is read without it.

    Raises, with the path in the message, DataError (READ-01) for what cannot be read; FormatError for what is no PNG or
    JPEG (IMAGE-01), or is cut off or damaged (IMAGE-03; a JPEG has no checksums: only as far as the decoder notices);
    LimitError for more than `limit_pixels` pixels, found in the header before anything is decoded (IMAGE-02), or a file
    of more than 256 MiB (IMAGE-04); UsageError for another size (ARG-01), mode (ARG-02) or kind of source (IMAGE-05).

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
    kind = next((kind for start, kind in _KINDS.items() if content.startswith(start)), None)
    if kind is None:
        start = content[:8].hex(" ") or "nothing"
        raise FormatError("IMAGE-01", path=name, start=start, fix="save it as PNG or JPEG")
    try:
        width, height = _open(kind, content).size
        if width * height > limit_pixels:
            fix = "give a smaller picture, or raise limit_pixels"
            raise LimitError("IMAGE-02", path=name, width=width, height=height, limit=limit_pixels, fix=fix)
        if kind == "PNG":
            _open(kind, content).verify()  # the checksums of its parts, which reading the pixels does not compare
        with _open(kind, content) as file:
            picture = _upright(file, _eight_bits(file))
            if wanted is not None:
                picture = _resized(picture, *wanted)
            pixels = np.array(picture.convert(mode), np.uint8)
    except (MapstoError, MemoryError):
        raise
    except Exception as problem:
        # Damage shows in the decoders as any of a dozen exceptions (SyntaxError, struct.error, OSError, ValueError …).
        reason = f"{problem or type(problem).__name__}"[:300]
        fix = "get the file again, or save it anew"
        raise FormatError("IMAGE-03", path=name, reason=reason, fix=fix) from problem
    return pixels.reshape(*pixels.shape[:2], 1 if mode == "L" else 3)


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


def _open(kind: str, content: bytes) -> ImageFile:
    reader = PIL.PngImagePlugin.PngImageFile if kind == "PNG" else PIL.JpegImagePlugin.JpegImageFile
    return reader(io.BytesIO(content))


def _eight_bits(file: ImageFile) -> PIL.Image.Image:
    """A picture of any kind ↦ the same in mode L or RGB, transparency laid on black."""
    if file.mode.startswith("I"):  # grey of 16 bits: "I;16", or "I" in older versions of Pillow
        grey = np.asarray(file).astype(np.int64)
        transparent = file.info.get("transparency")
        if isinstance(transparent, int):
            grey[grey == transparent] = 0
        return PIL.Image.fromarray((grey.clip(0, 65535) >> 8).astype(np.uint8))
    if "transparency" in file.info or file.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        colours = file.convert("RGBA")
        black = PIL.Image.new("RGBA", colours.size, (0, 0, 0, 255))
        return PIL.Image.alpha_composite(black, colours).convert("RGB")
    return file.convert("L" if file.mode in ("1", "L") else "RGB")


def _upright(file: ImageFile, picture: PIL.Image.Image) -> PIL.Image.Image:
    try:
        orientation = file.getexif().get(_ORIENTATION)
    except Exception:  # a damaged EXIF block does not make the pixels unreadable
        return picture
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(PIL.Image.Transpose[turn])


def _resized(picture: PIL.Image.Image, height: int, width: int) -> PIL.Image.Image:
    shrinks = height <= picture.height and width <= picture.width
    return picture.resize((width, height), PIL.Image.Resampling.BOX if shrinks else PIL.Image.Resampling.BICUBIC)
