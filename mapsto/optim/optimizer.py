"""The optimizer: a tree with state that maps gradients to the steps to take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from mapsto.array.array import Array
from mapsto.array.convert import asarray, cast, wide
from mapsto.compose.paths import parameters
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.names import missing
from mapsto.core.tree import Leaf, Tree, fields, flatten, is_leaf, is_number, map_leaves, rebuild, trainable
from mapsto.optim.settings import Arrays, Bounds, own_copy, setting
from mapsto.transform.call import guard

T = TypeVar("T")
OptimizerT = TypeVar("OptimizerT", bound="Optimizer")
OF_THIS_TREE = "pass what mt.grad returned for this very tree"


class Optimizer(Tree):
    """Gradients ↦ steps, with a state that moves along.

    `opt = optim.adam(1e-3).init(net)` makes the state; `net, opt = opt.step(net, gradient)` takes a step. Optimizers
    compose: in `optim.clip(1.0) >> optim.adam(1e-3)` the second maps what the first yields. A subclass states `start`
    and `update`, both on arrays by path; `descends` says that what it yields are steps downhill, not gradients, and
    `takes` what it must be given. For a rule of descent with a rate, see `Descent`.

    The settings named in `bounds` are numbers in 64 bits: `opt.replace(rate=3e-4)` is checked like the first one and
    traces nothing anew.

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
    takes: ClassVar[Literal["either", "gradients", "steps"]] = "either"
    bounds: ClassVar[dict[str, Bounds]] = {}

    @property
    def label(self) -> str:
        """What the function is called that makes it."""
        return re.sub("(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()

    def setting(self, name: str, value: Any) -> Any:
        """A number for a setting ↦ f64[], checked; None stays, for what is not used."""
        return None if value is None else setting(self.label, name, value, self.bounds[name])

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return missing(self, "Optimizer", name)

    def start(self: OptimizerT, params: Arrays) -> OptimizerT:
        """The same optimizer with its first state for these parameters."""
        return self

    def update(self: OptimizerT, gradients: Arrays, params: Arrays) -> tuple[Arrays, OptimizerT]:
        """Gradients ↦ (steps, the optimizer with its next state)."""
        raise NotImplementedError

    def figures(self) -> Arrays:
        """What it can tell of the last step, by name, for those who watch; numbers."""
        return {}

    def replace(self: OptimizerT, **changes: Any) -> OptimizerT:
        """A copy with other settings or another state. Raises UsageError for a number out of bounds."""
        made = {n: self.setting(n, value) if n in self.bounds else value for n, value in changes.items()}
        return super().replace(**made)

    def init(self: OptimizerT, tree: Any) -> OptimizerT:
        """A tree ↦ the optimizer with its first state for whatever training changes in it.

        State is kept in the parameters' own type, and for floats of 16 bits in f32. Raises UsageError if nothing in
        the tree is trained (OPT-02), or no part of the optimizer takes steps downhill (OPT-01).
        """
        params = {path: wide(value) for path, value in parameters(tree).items()}
        if not descends(self):
            fix = f"compose it with a rule of descent: {self} >> optim.sgd(0.1)"
            raise UsageError("OPT-01", optimizer=self, fix=fix)
        if not params:
            fix = "init the net first, net.init(mt.key(0), example); its parameters are made by mt.param"
            raise UsageError("OPT-02", fix=fix)
        return map_leaves(lambda leaf: own_copy(leaf.value), self).start(params)

    def step(self: OptimizerT, tree: T, gradient: Any) -> tuple[T, OptimizerT]:
        """A tree and its gradient ↦ (the tree one step further, the optimizer with its next state).

        Floats of 16 bits are stepped in f32 and rounded once. In a compiled function the gradients are guarded: if one
        is not finite, NonFiniteError names its path and nothing is updated. Raises UsageError (OPT-03, OPT-09) or
        ShapeError for a gradient of another tree, StateError (OPT-06, OPT-07) before `init`.
        """
        leaves, structure = flatten(tree)
        params = {leaf.path: wide(leaf.value) for leaf in leaves if trainable(leaf)}
        steps, moved = self.update(checked_slopes(tree, params, gradient), params)

        def stepped(leaf: Leaf) -> Any:
            if leaf.path not in params:
                return leaf.value
            before = params[leaf.path]
            return cast(before + cast(steps[leaf.path], before.dtype), asarray(leaf.value).dtype)

        return rebuild(structure, [stepped(leaf) for leaf in leaves]), moved

    def __rshift__(self, other: Any) -> Sequence:
        if not isinstance(other, Optimizer):
            called = callable(other) and not isinstance(other, Tree)
            name = getattr(other, "__name__", type(other).__name__)
            fix = f"call it: optim.{name}(…)" if called else "optim.clip(1.0) >> optim.adam(1e-3)"
            raise UsageError("OPT-05", found=name, fix=fix)
        check_order(parts_of(self), parts_of(other), f"{self} >> {other}")
        return Sequence((*parts_of(self), *parts_of(other)))

    def __repr__(self) -> str:
        told = [f"{name}={told_as(value)}" for name, value in fields(self).items() if self.tells(name, value)]
        return f"{self.label}({', '.join(told)})"

    def tells(self, name: str, value: Any) -> bool:
        """Whether an attribute is a setting to be shown, not state, and in use."""
        state = isinstance(value, (dict, Array)) and name not in self.bounds
        return not state and value is not None and value is not False


def told_as(value: Any) -> str:
    """A setting as a person reads it: the number, or its type while it is traced."""
    if type(value) is Array:
        return f"{value.item():.12g}"
    return str(value.spec) if isinstance(value, Array) else getattr(value, "__name__", " ".join(repr(value).split()))


def checked_slopes(tree: Any, params: Arrays, gradient: Any) -> Arrays:
    """A gradient by path, in the parameters' types; it must be one of this tree, and finite."""
    if (is_leaf(gradient) or is_number(gradient)) and not (is_leaf(tree) or is_number(tree)):
        fix = "loss, gradient = mt.value_and_grad(f)(net), then opt.step(net, gradient)"
        raise UsageError("OPT-09", found=asarray(gradient).spec, fix=fix)
    slopes = {leaf.path: asarray(leaf.value) for leaf in flatten(gradient)[0]}
    missing = sorted(set(params) ^ set(slopes))
    if missing:
        pair = isinstance(gradient, tuple) and not isinstance(tree, tuple)
        fix = "of the pair that mt.value_and_grad returns, the gradient is the second" if pair else OF_THIS_TREE
        if set(params) < set(slopes):  # it has more than a gradient, which leaves out what is not trained
            fix = "opt.step(net, gradient): the tree comes first, and then " + OF_THIS_TREE.removeprefix("pass ")
        raise UsageError("OPT-03", leaf=missing[0], fix=fix)
    for path, slope in slopes.items():
        value = params[path]
        if slope.shape != value.shape:
            rows = ((path, value.spec, ""), ("gradient", slope.spec, ""))
            raise ShapeError(
                "SHAPE-08", function="step", left=path, right="its gradient", operands=rows, fix=OF_THIS_TREE
            )
        guard(f"the gradient of {path}" if path else "the gradient", slope)
    return {path: cast(slopes[path], value.dtype) for path, value in params.items()}


class Compound(Optimizer):
    """An optimizer of others. What is set in it is set in the part that descends: there is but one."""

    parts: tuple[Optimizer, ...]

    @property
    def rate(self) -> Any:
        """The rate of the part that descends."""
        return next((getattr(part, "rate", None) for part in self.parts if descends(part)), None)

    def replace(self: OptimizerT, **changes: Any) -> OptimizerT:
        """A copy with other parts, or with other settings of the part that descends.

        Raises PathError (MAP-06) for a setting that it does not have.
        """
        own = fields(self)
        inner = {name: value for name, value in changes.items() if name not in own}
        parts: tuple[Optimizer, ...] = changes.get("parts", own["parts"])
        if inner:
            parts = tuple(part.replace(**inner) if descends(part) else part for part in parts)
        return super().replace(**{**{n: v for n, v in changes.items() if n in own}, "parts": parts})

    def figures(self) -> Arrays:
        """What the parts tell."""
        return {name: value for part in self.parts for name, value in part.figures().items()}


class Sequence(Compound):
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


def parts_of(optimizer: Optimizer) -> tuple[Optimizer, ...]:
    return optimizer.parts if isinstance(optimizer, Sequence) else (optimizer,)


def descends(optimizer: Optimizer) -> bool:
    """Whether what it yields are steps downhill: whether one of its parts is a rule of descent."""
    return any(part.descends for part in parts_of(optimizer))


def every_part(optimizer: Optimizer) -> Iterator[Optimizer]:
    """An optimizer and everything in it."""
    yield optimizer
    for part in getattr(optimizer, "parts", ()):
        yield from every_part(part)


def check_order(before: tuple[Optimizer, ...], after: tuple[Optimizer, ...], text: str) -> None:
    """Refuse two rules of descent, a penalty behind one, and what needs steps before one."""
    first = any(part.descends for part in before)
    second = any(part.descends for part in after)
    if first and second:
        fix = "one rule of descent is enough; others come before it"
        raise UsageError("OPT-04", composition=text, fix=fix)
    late = [part for part in after if first and part.takes == "gradients"]
    early = [part for part in before if second and part.takes == "steps"]
    if late or early:
        part, side = (late[0], "before") if late else (early[0], "after")
        taken = "gradients" if late else "steps"
        fix = f"it stands {side} the rule of descent: " + (f"{part} >> …" if late else f"… >> {part}")
        raise UsageError("OPT-10", part=part, taken=taken, other="steps" if late else "gradients", fix=fix)
