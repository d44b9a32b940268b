"""Pictures: from bytes to numbers, and to the range networks like."""

from mapsto.image.decode import Decode, decode
from mapsto.image.picture import decode_picture, mostly_bright
from mapsto.image.scale import Scale, scale

__all__ = ["Decode", "Scale", "decode", "decode_picture", "mostly_bright", "scale"]
