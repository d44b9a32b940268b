"""Pictures: from bytes to numbers, to one size and range, and changed by chance while training."""

from typing import TYPE_CHECKING

from mapsto.core.names import answering
from mapsto.image.colour import Greyscale, Normalise, greyscale, normalise
from mapsto.image.crop import CenterCrop, Pad, RandomCrop, RandomFlip, center_crop, pad, random_crop, random_flip
from mapsto.image.decode import Decode, decode
from mapsto.image.picture import decode_picture, mostly_bright
from mapsto.image.resize import Resize, resize
from mapsto.image.scale import Scale, scale

__all__ = [
    "CenterCrop",
    "Decode",
    "Greyscale",
    "Normalise",
    "Pad",
    "RandomCrop",
    "RandomFlip",
    "Resize",
    "Scale",
    "center_crop",
    "decode",
    "decode_picture",
    "greyscale",
    "mostly_bright",
    "normalise",
    "pad",
    "random_crop",
    "random_flip",
    "resize",
    "scale",
]

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto.image")
