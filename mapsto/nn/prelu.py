"""PReLU: a rectifier whose slope below 0 is learnt."""

from __future__ import annotations

from functools import partial
from typing import Any

from mapsto.array.arithmetic import minimum
from mapsto.array.array import Array
from mapsto.array.comparison import greater, where
from mapsto.compose.declare import Initialiser, param
from mapsto.compose.mapping import Mapping
from mapsto.core.check import truth
from mapsto.nn.checks import extent_is, float_input
from mapsto.nn.distributions import constant
from mapsto.nn.moments import channels_of

QUARTER = constant(0.25)


class PReLU(Mapping):
    """f32[n, …, c] ↦ f32[n, …, c]: x above 0, slope·x below, with a learnt slope.

    `slope` is f32[c], one for each channel, or f32[] with `shared=True`; it starts at 0.25. At 0 the derivative by x is
    the slope. He et al., 2015, arXiv:1502.01852. Weight decay pulls the slope to 0, so that paper uses none on it.

    Raises ShapeError for an input without a channel axis, or with other channels than before.

    >>> from mapsto import key, xp
    >>> x = xp.asarray([[-4.0, 3.0]])
    >>> PReLU().init(key(0), x)(x)
    array([[-1.,  3.]], f32[1,2])
    """

    def __init__(self, *, shared: bool = False, init: Initialiser = QUARTER) -> None:
        self.shared = truth("PReLU", "shared", shared)
        self.slope: Array = param(() if self.shared else partial(channels_of, "PReLU", 2), init)

    def __call__(self, x: Any) -> Array:
        x = float_input(x, self.slope)
        if not self.shared:
            channels_of("PReLU", 2, x.spec)
            extent_is(x, self.slope, -1, 0, "channels")
        # Without the minimum, an infinite x would make the slope's gradient 0·∞.
        return where(greater(x, 0.0), x, minimum(x, 0.0) * self.slope)
