"""Embedding: whole numbers ↦ rows of a table."""

from __future__ import annotations

from functools import partial
from typing import Any

from mapsto.array.array import Array, known
from mapsto.array.comparison import equal, where
from mapsto.array.convert import asarray, cast, strong
from mapsto.array.manipulate import arange, expand_dims
from mapsto.array.trace import apply
from mapsto.compose.declare import Initialiser, param
from mapsto.compose.mapping import Mapping
from mapsto.core.check import whole_number
from mapsto.core.errors import DTypeError, IndexRangeError, UsageError
from mapsto.core.spec import INT64, DType, Shape, is_integer
from mapsto.nn.distributions import normal
from mapsto.prims.index import Take

STANDARD = normal(1.0)


def table(init: Initialiser, padding: int | None, key: Array, shape: Shape, dtype: DType) -> Array:
    """The first values of an embedding's weight: `init`'s, with zeros in the row of the padding."""
    weight = asarray(init(key, shape, dtype))
    if padding is None:
        return weight
    return where(expand_dims(equal(arange(shape[0]), padding), axis=1), 0.0, weight)


class Embedding(Mapping):
    """i64[…] ↦ f32[…, width]: every whole number's row of a table, y[…] = W[x[…]].

    `weight` is f32[vocabulary, width], and the numbers run 0 … vocabulary − 1. The number `padding`, if there is one,
    becomes zeros: its row starts as 0 and gets no gradient. The first values are normal with deviation 1, so that what
    follows sees numbers of order one.

    Raises UsageError for sizes below 1 and a padding outside of the vocabulary, DTypeError for input that is not
    integers, IndexRangeError for a number outside of the vocabulary, negative ones too.

    >>> from mapsto import key, xp
    >>> net = Embedding(1000, 8, padding=0).init(key(0), xp.asarray([[1, 2]]))
    >>> y = net(xp.asarray([[5, 999, 5], [7, 0, 0]]))
    >>> y.shape, float(xp.max(xp.abs(y[0, 0] - y[0, 2]))), float(xp.max(xp.abs(y[1, 1:])))
    ((2, 3, 8), 0.0, 0.0)
    """

    def __init__(
        self, vocabulary: int, width: int, *, padding: int | None = None, init: Initialiser = STANDARD
    ) -> None:
        self.vocabulary = whole_number("Embedding", "vocabulary", vocabulary)
        self.width = whole_number("Embedding", "width", width)
        self.padding = None if padding is None else whole_number("Embedding", "padding", padding, least=0)
        if self.padding is not None and self.padding >= self.vocabulary:
            wanted = f"below the vocabulary, {self.vocabulary}"
            raise UsageError("ARG-01", function="Embedding", name="padding", value=padding, wanted=wanted)
        self.weight: Array = param((self.vocabulary, self.width), partial(table, init, self.padding))

    def __call__(self, x: Any) -> Array:
        index = strong(asarray(x))
        if not is_integer(index.dtype):
            fix = f"give the numbers of tokens, 0 … {self.vocabulary - 1}: xp.astype(x, xp.int64)"
            raise DTypeError("EMBED-02", found=index.spec, fix=fix)
        check_known(index, self.vocabulary)
        index = cast(index, INT64)
        y = apply(Take(0), self.weight, index)
        if self.padding is None:
            return y
        return where(expand_dims(equal(index, self.padding), axis=-1), 0.0, y)


def check_known(index: Array, vocabulary: int) -> None:
    """Refuse an index out of range where the numbers are known; `Take` does so when a compiled program runs."""
    found = known(index)
    outside = [] if found is None else found[(found < 0) | (found >= vocabulary)]
    if len(outside):
        fix = f"make the vocabulary larger, Embedding({int(max(outside)) + 1}, …), or mend the data"
        if min(outside) < 0:
            fix = "mend the data: numbers count from 0, and padding has a number too, Embedding(…, padding=0)"
        raise IndexRangeError("EMBED-01", index=int(outside[0]), last=vocabulary - 1, fix=fix)
