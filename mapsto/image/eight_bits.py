"""A picture of any kind ↦ the same in 8 bits of grey or colours, strip by strip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.core.lazy import optional

if TYPE_CHECKING:
    import PIL.Image
    from PIL.ImageFile import ImageFile
else:
    PIL = optional("PIL", extra="", parts=("Image",))

STRIP = 1 << 20  # pixels that are converted at a time: copies of a whole picture in five modes were 1 GB


def eight_bits(file: ImageFile) -> PIL.Image.Image:
    """A picture of any kind ↦ the same in mode L or RGB, transparency laid on black."""
    file.load()
    if file.mode in ("L", "RGB") and "transparency" not in file.info:
        return file
    width, height = file.size
    rows = max(1, STRIP // width)
    made: PIL.Image.Image | None = None
    for top in range(0, height, rows):
        strip = _converted(file.crop((0, top, width, min(top + rows, height))))
        made = made or PIL.Image.new(strip.mode, file.size)
        made.paste(strip, (0, top))
    return made or file


def _converted(strip: PIL.Image.Image) -> PIL.Image.Image:
    if strip.mode.startswith("I"):  # grey of 16 bits: "I;16", or "I" in older versions of Pillow
        grey = np.asarray(strip).astype(np.int64)
        transparent = strip.info.get("transparency")
        if isinstance(transparent, int):
            grey[grey == transparent] = 0
        return PIL.Image.fromarray((grey.clip(0, 65535) >> 8).astype(np.uint8))
    if "transparency" in strip.info or strip.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        colours = strip.convert("RGBA")
        black = PIL.Image.new("RGBA", colours.size, (0, 0, 0, 255))
        return PIL.Image.alpha_composite(black, colours).convert("RGB")
    return strip.convert("L" if strip.mode == "1" else "RGB")
