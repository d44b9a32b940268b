"""What notebooks show: a net as its table, an array as its numbers, and as pictures where it holds some."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.trace import Traced
from mapsto.compose.mapping import Mapping
from mapsto.core.lazy import optional
from mapsto.view.table import table_of

if TYPE_CHECKING:
    import PIL.Image
else:
    PIL = optional("PIL", extra="", parts=("Image",))

MOST_PICTURES = 16
SIDE = 96  # pixels on the screen that a small picture is enlarged to, at least


def net_html(net: Mapping) -> str:
    """A mapping ↦ its table as HTML."""
    return table_of(net)._repr_html_()


def array_html(array: Array) -> str:
    """An array ↦ HTML: u8[n, h, w, 1 or 3] and u8[h, w, 1 or 3] as pictures, everything else as its numbers.

    >>> import mapsto as mt
    >>> array_html(mt.xp.asarray([1.0, 2.0]))
    '<pre>array([1., 2.], f32[2])</pre>'
    """
    numbers = f"<pre>{html.escape(repr(array))}</pre>"
    if isinstance(array, Traced) or not is_picture(array):
        return numbers
    pictures = array.data if array.ndim == 4 else array.data[None]
    shown = "".join(image_tag(picture) for picture in pictures[:MOST_PICTURES])
    more = len(pictures) - MOST_PICTURES
    rest = f" and {more} more" if more > 0 else ""
    return f"<div>{shown}</div><pre>{html.escape(str(array.spec))}{rest}</pre>"


def is_picture(array: Array) -> bool:
    """Whether an array is of bytes with the axes of pictures, none of them empty."""
    return array.dtype == np.uint8 and array.ndim in (3, 4) and array.shape[-1] in (1, 3) and array.size > 0


def image_tag(picture: np.ndarray[Any, Any]) -> str:
    """u8[h, w, 1 or 3] ↦ an image within the page."""
    image = PIL.Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    factor = max(1, -(-SIDE // max(image.size)))
    file = io.BytesIO()
    image.resize((image.width * factor, image.height * factor), PIL.Image.Resampling.NEAREST).save(file, "PNG")
    content = base64.b64encode(file.getvalue()).decode()
    return f'<img style="margin:2px" src="data:image/png;base64,{content}">'
