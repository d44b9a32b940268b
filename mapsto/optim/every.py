"""Optimizers around others: one step from several gradients, and a running mean of the weights."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeVar

from mapsto.array.arithmetic import remainder
from mapsto.array.array import Array
from mapsto.array.comparison import equal, where
from mapsto.array.convert import asarray, cast
from mapsto.core.check import whole_number
from mapsto.core.errors import StateError, UsageError
from mapsto.core.tree import Leaf, flatten, map_leaves, rebuild
from mapsto.optim.optimizer import Compound, Optimizer, descends, every_part
from mapsto.optim.settings import UNIT, Arrays, Bounds, own_copy, running
from mapsto.optim.state import started, zeros_for

T = TypeVar("T")


class Every(Compound):
    """Gradients ↦ steps of another optimizer by the mean of several gradients. See `every`."""

    descends: ClassVar[bool] = True
    takes: ClassVar[Literal["either", "gradients", "steps"]] = "gradients"

    def __init__(self, number: int, optimizer: Optimizer) -> None:
        self.number = number
        self.parts = (optimizer,)
        self.count: Array | None = None
        self.total: Arrays | None = None

    def start(self, params: Arrays) -> Every:
        parts = (self.parts[0].start(params),)
        return self.replace(parts=parts, count=asarray(0), total=zeros_for(params))

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Every]:
        before = started(self.total, "every", gradients)
        total = {path: before[path] + g for path, g in gradients.items()}
        count = 1 if self.count is None else self.count + 1
        due = equal(remainder(count, self.number), 0)
        inner = self.parts[0]
        steps, moved = inner.update({path: x / float(self.number) for path, x in total.items()}, params)
        # Both ways are computed and one is taken: a trace has no branches here.
        steps = {path: where(due, step, 0.0) for path, step in steps.items()}
        pairs = zip(flatten(moved)[0], flatten(inner)[0], strict=True)
        kept = rebuild(flatten(moved)[1], [where(due, new.value, old.value) for new, old in pairs])
        total = {path: where(due, 0.0, x) for path, x in total.items()}
        return steps, self.replace(parts=(kept,), count=count, total=total)

    def __repr__(self) -> str:
        return f"every({self.number}, {self.parts[0]})"


def every(number: int, optimizer: Optimizer) -> Every:
    """An optimizer ↦ one that takes a step at every k-th gradient, by the mean of the last k.

    k batches of n count as one of k·n, in the memory of n. Parameters stay as they are in between, and so do the
    state and the count of steps within, by which schedules go. Raises UsageError (ARG-01) unless k is a whole number
    of 1 or more, (OPT-01) for an optimizer that takes no step.

    >>> from mapsto import optim, xp
    >>> w = xp.asarray([0.0])
    >>> opt = every(2, optim.clip(10.0) >> optim.sgd(1.0)).init(w)
    >>> for slope in (1.0, 3.0, 5.0):
    ...     w, opt = opt.step(w, xp.asarray([slope]))
    ...     print(w)
    array([0.], f32[1])
    array([-2.], f32[1])
    array([-2.], f32[1])
    """
    number = whole_number("every", "number", number)
    if not isinstance(optimizer, Optimizer):
        raise UsageError(
            "OPT-05",
            found=getattr(optimizer, "__name__", type(optimizer).__name__),
            fix="optim.every(4, optim.adam(1e-3))",
        )
    if not descends(optimizer):
        fix = f"optim.every({number}, {optimizer} >> optim.sgd(0.1))"
        raise UsageError("OPT-01", optimizer=optimizer, fix=fix)
    return Every(number, optimizer)


class Average(Optimizer):
    """Steps ↦ the same steps, with a running mean of the weights as state. See `average`."""

    takes: ClassVar[Literal["either", "gradients", "steps"]] = "steps"
    bounds: ClassVar[dict[str, Bounds]] = {"decay": UNIT}

    def __init__(self, decay: float) -> None:
        self.decay = self.setting("decay", decay)
        self.mean: Arrays | None = None

    def start(self, params: Arrays) -> Average:
        return self.replace(mean={path: own_copy(w) for path, w in params.items()})

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Average]:
        before = started(self.mean, "average", gradients)
        moved = {path: params[path] + cast(step, params[path].dtype) for path, step in gradients.items()}
        return gradients, self.replace(mean=running(before, moved, self.decay))


def average(decay: float = 0.999) -> Average:
    """Steps ↦ the same steps; keeps m ← decay·m + (1 − decay)·w of the weights after each, for `averaged`.

    Polyak and Juditsky (1992), with exponential weights. m begins at the weights that `init` is given. It stands
    behind the rule of descent: `optim.adam(1e-3) >> optim.average(0.999)`; UsageError (OPT-10) before one, (ARG-01)
    unless 0 ≤ decay < 1.

    >>> from mapsto import optim, xp
    >>> w = xp.asarray([0.0])
    >>> opt = (optim.sgd(1.0) >> average(0.5)).init(w)
    >>> for _ in range(2):
    ...     w, opt = opt.step(w, xp.asarray([-4.0]))
    >>> w, averaged(w, opt)
    (array([8.], f32[1]), array([5.], f32[1]))
    """
    return Average(decay)


def averaged(tree: T, optimizer: Optimizer) -> T:
    """A tree and its optimizer with `average` in it ↦ the tree with the running means in place of its parameters.

    Judge or save this one, and go on training the other. Raises StateError (OPT-12) if the optimizer keeps no average.

    >>> from mapsto import optim, xp
    >>> net = {"w": xp.asarray([1.0]), "n": 3}
    >>> opt = (optim.sgd(0.5) >> optim.average(0.5)).init(net)
    >>> averaged(*opt.step(net, {"w": xp.asarray([-4.0]), "n": None}))
    {'w': array([2.], f32[1]), 'n': 3}
    """
    kept = [part.mean for part in every_part(optimizer) if isinstance(part, Average)]
    if not kept or kept[0] is None:
        fix = "opt = (optim.adam(1e-3) >> optim.average(0.999)).init(net)"
        raise StateError("OPT-12", optimizer=optimizer, fix=fix)
    mean = kept[0]

    def chosen(leaf: Leaf) -> Any:
        return cast(mean[leaf.path], asarray(leaf.value).dtype) if leaf.path in mean else leaf.value

    return map_leaves(chosen, tree)
