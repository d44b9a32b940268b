"""The compiled functions of a Learner: a step, judging, predicting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mapsto.array.array import Array
from mapsto.array.indexing import take
from mapsto.array.random import fold
from mapsto.compiler.compile import compile
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import UsageError
from mapsto.metrics import Metric
from mapsto.train import supervised
from mapsto.train.last_batch import Filling, Judging

Step = Callable[[Any, tuple[Array, Array], Array], tuple[Any, dict[str, Array]]]


class Programs:
    """What a Learner runs: made of a loss and metrics, or of a step of the user's own.

    `step` and `step_at` take a step, on a batch and on some rows of arrays; `filling` tells how to take a smaller last
    batch; `judge` and `forward` evaluate and predict.
    """

    def __init__(
        self, loss: Callable[..., Array] | None, metrics: tuple[Metric, ...], own_step: Step | None = None
    ) -> None:
        self.loss, self.metrics, self.own_step = loss, metrics, own_step
        self.step = compile(self.step_of_batch, donate=("run",))
        self.step_at = compile(self.step_of_rows, donate=("run",))
        self.filling = Filling(self.learning)
        self.judge = Judging(self.judging)
        self.forward = Judging(supervised.predicted)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle keeps no code: what it is made of, to make the programs anew."""
        return Programs, (self.loss, self.metrics, self.own_step)

    def step_of_rows(self, run: Any, x: Array, y: Array, rows: Array, root: Array, at: Array) -> Any:
        """A step on the samples in some rows of arrays `x[n, …]` and `y[n, …]`."""
        return self.step_of_batch(run, (take(x, rows, axis=0), take(y, rows, axis=0)), root, at)

    def step_of_batch(self, run: Any, batch: Any, root: Array, at: Array) -> Any:
        """A step on a batch; `at` is [its number, how many samples are real]. Its key is that of the number.

        Both in one array: passing one more takes a hundredth of the time of a small step.
        """
        step_key = fold(root, at[0])
        if self.own_step is None:
            return self.learning(batch, supervised.real_rows(batch, at[1]), at[1], run, step_key)
        result: Any = self.own_step(run, batch, step_key)
        if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict)):  # pyright: ignore[reportUnknownArgumentType]
            fix = 'return run, {"loss": loss}'
            raise UsageError("TRAIN-14", fix=fix)
        return result  # pyright: ignore[reportUnknownVariableType]

    def learning(self, batch: Any, real: Array, count: Array, run: Any, step_key: Array) -> Any:
        """A step of the net."""
        assert self.loss is not None
        return supervised.one_step(self.loss, self.metrics, run, batch, real, count, step_key)

    def judging(self, batch: Any, real: Array, count: Array, net: Mapping, metrics: tuple[Metric, ...]) -> Any:
        """The loss and metrics of a batch."""
        assert self.loss is not None
        return supervised.judged(self.loss, batch, real, count, net, metrics)
