"""Dropout."""

from __future__ import annotations

from typing import Any

from mapsto.array.arithmetic import one_float, where
from mapsto.array.array import Array
from mapsto.array.random import bernoulli
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import UsageError


class Dropout(Mapping):
    """x ↦ x; in training each number is 0 with probability `rate`, and the others are divided by 1 − rate.

    Srivastava et al., 2014, Journal of Machine Learning Research 15. Raises UsageError unless 0 ≤ rate < 1.

    >>> from mapsto import key, training, xp
    >>> x = xp.ones((1, 64))
    >>> y, _ = training(Dropout(0.5))(key(0), x)
    >>> sorted({float(one) for one in Dropout(0.5)(x)[0]}), sorted({float(one) for one in y[0]})
    ([1.0], [0.0, 2.0])
    """

    def __init__(self, rate: float) -> None:
        if not isinstance(rate, (int, float)) or not 0 <= rate < 1:
            raise UsageError("USE-01", problem=f"Dropout({rate})", fix="the rate is from 0 to below 1")
        self.rate = rate

    def __call__(self, x: Any) -> Any:
        return x

    def training(self, key: Array, x: Any) -> tuple[Array, Dropout]:
        x = one_float(x)
        kept = bernoulli(key, 1.0 - self.rate, x.shape)
        return where(kept, x / (1.0 - self.rate), 0.0), self
