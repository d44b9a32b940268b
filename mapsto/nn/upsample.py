"""Upsampling: images in another size, by the nearest place or by straight lines between places."""

from __future__ import annotations

from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import asarray, one_float
from mapsto.array.resample import interpolated, nearest
from mapsto.compose.mapping import Mapping
from mapsto.core.check import one_of
from mapsto.core.errors import UsageError
from mapsto.core.spec import Shape
from mapsto.nn.window import Pair, Sides, Single, Triple, check_places, sides

OTHER = "for other sizes than multiples name the output's: size=…"
LINES = {1: "linear", 2: "bilinear", 3: "trilinear"}


class Resampling(Mapping):
    """What UpSampling1D, UpSampling2D and UpSampling3D share, for `rank` spatial axes; not a layer itself."""

    def __init__(self, rank: int, factor: Sides | None, size: Sides | None, method: str) -> None:
        name = type(self).__name__
        if factor is not None and size is not None:
            raise UsageError("WINDOW-08", function=name, first="factor", second="size", fix="give one of them")
        self.factor = (
            None if size is not None else sides(name, "factor", 2 if factor is None else factor, rank, fix=OTHER)
        )
        self.size = None if size is None else sides(name, "size", size, rank)
        self.method = one_of(name, "method", method, ("nearest", LINES[rank]))

    def extents(self, given: Shape) -> Shape:
        """The spatial extents of the output."""
        if self.factor is None:
            return self.size or ()
        return tuple(extent * factor for extent, factor in zip(given, self.factor, strict=True))

    def __call__(self, x: Any) -> Array:
        name = type(self).__name__
        x = asarray(x) if self.method == "nearest" else one_float(x)
        check_places(name, x.spec, len(self.size or self.factor or ()))
        along = nearest if self.method == "nearest" else interpolated
        for axis, count in enumerate(self.extents(x.shape[1:-1]), start=1):
            x = along(x, axis, count)
        return x


class UpSampling1D(Resampling):
    """f32[n, t, c] ↦ f32[n, t·factor, c], or f32[n, size, c]: `method` is "nearest" or "linear".

    All else as for UpSampling2D.

    >>> from mapsto import xp
    >>> UpSampling1D(2, method="linear")(xp.asarray([[[0.0], [4.0]]]))[0, :, 0]
    array([0., 1., 3., 4.], f32[4])
    """

    def __init__(self, factor: Single | None = None, *, size: Single | None = None, method: str = "nearest") -> None:
        super().__init__(1, factor, size, method)


class UpSampling2D(Resampling):
    """f32[n, h, w, c] ↦ f32[n, h·factor, w·factor, c], or f32[n, *size, c]: `method` is "nearest" or "bilinear".

    `factor` (2 unless given) is a whole number, or one for each axis; `size`, in its place, is the height and width of
    the output, smaller ones too. Both methods take a pixel for a square with its centre in the middle: place i stands
    at (i + ½)·h/h' − ½ of the input, as in TensorFlow, Keras and Pillow, and in PyTorch with align_corners=False;
    "nearest" is PyTorch's "nearest-exact", which differs from its "nearest" only if h' is no multiple of h. Nothing is
    blurred before it is made smaller. Integers become f32 with "bilinear", and keep their type with "nearest".

    Raises ShapeError if the input is not [n, h, w, c], or empty along an axis.

    >>> from mapsto import xp
    >>> UpSampling2D((1, 2))(xp.asarray([[[[1.0], [2.0]]]]))[0, :, :, 0]
    array([[1., 1., 2., 2.]], f32[1,4])
    >>> UpSampling2D(size=(1, 4), method="bilinear")(xp.asarray([[[[0.0], [4.0]]]]))[0, :, :, 0]
    array([[0., 1., 3., 4.]], f32[1,4])
    """

    def __init__(self, factor: Pair | None = None, *, size: Pair | None = None, method: str = "nearest") -> None:
        super().__init__(2, factor, size, method)


class UpSampling3D(Resampling):
    """f32[n, d, h, w, c] ↦ f32[n, d·factor, h·factor, w·factor, c], or f32[n, *size, c].

    `method` is "nearest" or "trilinear". All else as for UpSampling2D.

    >>> from mapsto import xp
    >>> UpSampling3D((1, 2, 3))(xp.ones((5, 2, 2, 2, 1))).shape
    (5, 2, 4, 6, 1)
    """

    def __init__(self, factor: Triple | None = None, *, size: Triple | None = None, method: str = "nearest") -> None:
        super().__init__(3, factor, size, method)
