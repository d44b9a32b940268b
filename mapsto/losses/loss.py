"""What every loss with options is."""

from __future__ import annotations

from typing import Any, ClassVar

from mapsto.array.array import Array, ArrayLike
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import UsageError
from mapsto.core.static import static_key


class Loss(Mapping):
    """(prediction, target) ↦ one value per example, f32[n]: the base of losses that have options.

    The options are attributes, given by name when the loss is made; `losses.cross_entropy` is `CrossEntropy()` with the
    usual ones. Losses of one class with equal options are equal, and a compiled function is traced once for them all.
    A subclass says in `__call__` what the value of an example is; a Learner also takes any function that does.

    >>> from mapsto import losses
    >>> losses.CrossEntropy(smoothing=0.1)
    CrossEntropy(smoothing=0.1, weights=None, ignore=None)
    >>> losses.CrossEntropy() == losses.cross_entropy, losses.CrossEntropy(smoothing=0.1) == losses.cross_entropy
    (True, False)
    """

    name: ClassVar[str] = "a loss"  # what errors call it
    # Whether integer targets are indices of classes, whose scores stand along the prediction's last axis.
    takes_labels: ClassVar[bool] = False
    _root: ClassVar[str] = ""  # a loss is no part of a net: errors within it name no path

    @property
    def takes_scores(self) -> bool:
        """Whether it applies a softmax or a sigmoid to the prediction itself."""
        return False

    def check_target(self, target: Array) -> None:
        """Refuse targets in the shape of the prediction that the loss is not for, where their numbers are known.

        A Learner asks for it before it trains, since a compiled step does not know them. Raises DataError.
        """

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        raise UsageError("MAP-10", name=type(self).__name__, fix="define __call__(self, prediction, target)")

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Loss) and static_key(self) == static_key(other)

    def __hash__(self) -> int:
        return hash(static_key(self))
