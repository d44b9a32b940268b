"""The optimizer: a tree with state that maps gradients to the steps to take."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray, cast
from mapsto.compose.paths import parameters
from mapsto.core.errors import ShapeError, StateError, UsageError
from mapsto.core.tree import Leaf, Tree, fields, flatten, rebuild, trainable
from mapsto.transform.call import guard

T = TypeVar("T")
OptimizerT = TypeVar("OptimizerT", bound="Optimizer")
Arrays = dict[str, Array]


class Optimizer(Tree):
    """Gradients ↦ steps, with a state that moves along.

    `opt = optim.adam(1e-3).init(net)` makes the state; `net, opt = opt.step(net, gradient)` takes a step. Optimizers
    compose: in `optim.clip(1.0) >> optim.adam(1e-3)` the second maps what the first yields. A subclass states `start`
    and `update`, both on arrays by path; `descends` says that what it yields are steps downhill, not gradients.

    >>> class Sign(Optimizer):
    ...     descends = True
    ...     def update(self, gradients, params):
    ...         return {path: -0.5 * xp.sign(g) for path, g in gradients.items()}, self
    >>> from mapsto import grad, xp
    >>> w = xp.asarray([3.0, -4.0])
    >>> w, opt = Sign().init(w).step(w, grad(lambda w: xp.sum(w**2))(w))
    >>> w
    array([ 2.5, -3.5], f32[2])
    """

    descends: ClassVar[bool] = False

    def start(self: OptimizerT, params: Arrays) -> OptimizerT:
        """The same optimizer with its first state for these parameters."""
        return self

    def update(self: OptimizerT, gradients: Arrays, params: Arrays) -> tuple[Arrays, OptimizerT]:
        """Gradients ↦ (steps, the optimizer with its next state)."""
        raise NotImplementedError

    def init(self: OptimizerT, tree: Any) -> OptimizerT:
        """A tree ↦ the optimizer with its first state for whatever training changes in it.

        Raises UsageError if nothing in the tree is trained, or no part of the optimizer takes steps downhill.
        """
        params = parameters(tree)
        if not any(part.descends for part in parts_of(self)):
            fix = f"compose it with a rule of descent: {self} >> optim.sgd(0.1)"
            raise UsageError("USE-01", problem=f"{self} takes no step of its own", fix=fix)
        if not params:
            fix = "init the net first, net.init(mt.key(0), example); its parameters are made by mt.param"
            raise UsageError("USE-01", problem="there is nothing to train in this tree", fix=fix)
        return self.start(params)

    def step(self: OptimizerT, tree: T, gradient: Any) -> tuple[T, OptimizerT]:
        """A tree and its gradient ↦ (the tree one step further, the optimizer with its next state).

        In a compiled function the gradients are guarded: if one is not finite, NonFiniteError names its path and
        nothing is updated. Raises UsageError or ShapeError for a gradient of another tree, StateError before `init`.
        """
        leaves, structure = flatten(tree)
        slopes = {leaf.path: asarray(leaf.value) for leaf in flatten(gradient)[0]}
        params = {leaf.path: leaf.value for leaf in leaves if trainable(leaf)}
        missing = sorted(set(params) ^ set(slopes))
        if missing:
            problem = f"the gradient does not have the structure of the tree: {missing[0]}"
            raise UsageError("USE-01", problem=problem, fix="pass what mt.grad returned for this very tree")
        for path, slope in slopes.items():
            value = asarray(params[path])
            if slope.shape != value.shape:
                rows = ((path, value.spec, ""), ("gradient", slope.spec, ""))
                fix = "pass what mt.grad returned for this very tree"
                raise ShapeError("SHAPE-08", function="step", left=path, right="its gradient", operands=rows, fix=fix)
            guard(f"the gradient of {path}", slope)
        steps, moved = self.update(slopes, params)

        def stepped(leaf: Leaf) -> Any:
            if leaf.path not in params:
                return leaf.value
            return asarray(leaf.value) + cast(steps[leaf.path], asarray(leaf.value).dtype)

        return rebuild(structure, [stepped(leaf) for leaf in leaves]), moved

    def __rshift__(self, other: Any) -> Sequence:
        if isinstance(other, Optimizer) and sum(part.descends for part in (*parts_of(self), *parts_of(other))) > 1:
            problem = f"{self} >> {other}: the second would turn the first one's steps around"
            raise UsageError("USE-01", problem=problem, fix="one rule of descent is enough; others come before it")
        if not isinstance(other, Optimizer):
            problem = f"an optimizer composes with an optimizer, not with {type(other).__name__}"
            raise UsageError("USE-01", problem=problem)
        return Sequence((*parts_of(self), *parts_of(other)))

    def __repr__(self) -> str:
        settings = [
            f"{name}={value}"
            for name, value in fields(self).items()
            if not isinstance(value, (dict, Array, type(None)))
        ]
        return f"{type(self).__name__.lower()}({', '.join(settings)})"


def parts_of(optimizer: Optimizer) -> tuple[Optimizer, ...]:
    return optimizer.parts if isinstance(optimizer, Sequence) else (optimizer,)


class Sequence(Optimizer):
    """One optimizer after another: each maps what the one before yields."""

    def __init__(self, parts: tuple[Optimizer, ...]) -> None:
        self.parts = parts

    def start(self, params: Arrays) -> Sequence:
        return self.replace(parts=tuple(part.start(params) for part in self.parts))

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Sequence]:
        moved: list[Optimizer] = []
        for part in self.parts:
            gradients, after = part.update(gradients, params)
            moved.append(after)
        return gradients, self.replace(parts=tuple(moved))

    def __repr__(self) -> str:
        return " >> ".join(map(repr, self.parts))


def started(state: Arrays | None, name: str, gradients: Arrays) -> Arrays:
    """The state, which must have been made, and for these parameters."""
    if state is None:
        raise StateError("MAP-04", problem=f"{name} has no state yet", fix="opt = opt.init(net) before opt.step")
    for path in gradients:
        if path not in state:
            fix = "call opt = opt.init(net) again after unfreezing or replacing parts"
            raise StateError("MAP-04", problem=f"{name} has no state for {path}", fix=fix)
    return state


def positive(name: str, value: float) -> float:
    """A rate must be a number above 0."""
    if not isinstance(value, (int, float, np.integer, np.floating)) or not value > 0:
        raise UsageError("USE-01", problem=f"{name} = {value}", fix="it must be above 0")
    return float(value)
