"""Rules of descent: a direction, times a rate that may change from step to step."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeVar

from mapsto.array.arithmetic import negative
from mapsto.array.array import Array
from mapsto.array.convert import asarray, cast
from mapsto.array.elementary import expm1, log
from mapsto.core.errors import ShapeError, StateError, UsageError
from mapsto.core.notes import note
from mapsto.core.spec import FLOAT64
from mapsto.optim.optimizer import Optimizer
from mapsto.optim.settings import ABOVE, LEAST, Arrays, Bounds, fit, refuse_net
from mapsto.optim.state import chosen
from mapsto.transform.call import guard

DescentT = TypeVar("DescentT", bound="Descent")
LARGE = 1.0  # a rate above it is a slip where the steps are of the rate's size


class Descent(Optimizer):
    """Gradients ↦ steps −rate·(u + weight_decay·w), where `direction` maps the gradients to u.

    A subclass states `direction`, and `start` if it has a state. The rate is a number, or maps the number of steps
    taken so far (0 at the first) to one; the weight decay is decoupled (Loshchilov and Hutter, 2019,
    arXiv:1711.05101): it is no part of the gradient, so no running mean sees it, and it is multiplied by the rate. A
    mapping that gives a rate that is not finite is a NonFiniteError, and nothing is updated.

    >>> class Sign(Descent):
    ...     def direction(self, gradients, params):
    ...         return {path: xp.sign(g) for path, g in gradients.items()}, self
    >>> from mapsto import grad, xp
    >>> w = xp.asarray([3.0, -4.0])
    >>> w, opt = Sign(0.5).init(w).step(w, grad(lambda w: xp.sum(w**2))(w))
    >>> w, int(opt.count), opt.replace(rate=0.25)
    (array([ 2.5, -3.5], f32[2]), 1, sign(rate=0.25))
    """

    descends: ClassVar[bool] = True
    takes: ClassVar[Literal["either", "gradients", "steps"]] = "gradients"
    bounds: ClassVar[dict[str, Bounds]] = {"rate": ABOVE, "weight_decay": LEAST}
    scale_free: ClassVar[bool] = False  # whether u is of about 1, however large the gradient is

    def __init__(self, rate: Any, weight_decay: float | None = None, paths: str = "**") -> None:
        self.rate = self.setting("rate", rate)
        self.count: Array | None = None
        self.weight_decay = self.setting("weight_decay", weight_decay)
        self.paths = paths

    def setting(self, name: str, value: Any) -> Any:
        """A number for a setting ↦ f64[], checked; a rate may also be a mapping of steps."""
        if name != "rate":
            return super().setting(name, value)
        if value is None:
            wanted = "a number above 0, or a mapping of steps"
            raise UsageError("ARG-01", function=self.label, name="rate", value=value, wanted=wanted)
        fix = f"opt = optim.{self.label}(1e-3).init(net), then net, opt = opt.step(net, gradient)"
        refuse_net(self.label, value, fix)
        if callable(value):
            return value
        made = super().setting(name, value)
        if self.scale_free and not isinstance(value, Array) and value > LARGE:
            note(f"{self.label} with rate {value:g} moves every weight by about {value:g} a step; 1e-3 is usual")
        return made

    def start(self: DescentT, params: Arrays) -> DescentT:
        """The same rule with its first state: no step taken yet."""
        if self.weight_decay is not None:
            chosen(self.paths, params)
        return self.replace(count=asarray(0))

    def direction(self: DescentT, gradients: Arrays, params: Arrays) -> tuple[Arrays, DescentT]:
        """Gradients ↦ (what to descend along, the rule with its next state)."""
        raise NotImplementedError

    def update(self: DescentT, gradients: Arrays, params: Arrays) -> tuple[Arrays, DescentT]:
        """Gradients ↦ (steps, the rule with its next state)."""
        along, moved = self.direction(gradients, params)
        if self.weight_decay is not None:
            shrink = {path: params[path] * fit(self.weight_decay, params[path]) for path in chosen(self.paths, params)}
            along = {path: u + shrink[path] if path in shrink else u for path, u in along.items()}
        rate = negative(rate_at(self.rate, self.count, self.label))
        if callable(self.rate):  # a number was judged when it was set
            guard(f"the rate of {self.label}", rate)
        steps = {path: u * fit(rate, u) for path, u in along.items()}
        return steps, moved if self.count is None else moved.replace(count=self.count + 1)

    def tells(self, name: str, value: Any) -> bool:
        """Whether an attribute is a setting to be shown: paths only where they are chosen."""
        return super().tells(name, value) and not (name == "paths" and value == "**")

    @property
    def number(self) -> Array:
        """Which step this is, from 1, as f64[]."""
        if self.count is None:
            raise StateError("OPT-06", optimizer=self.label, fix="opt = opt.init(net) before opt.step")
        return cast(self.count + 1, FLOAT64)


def rate_at(rate: Any, count: Array | None, name: str) -> Array:
    """A rate, and the number of steps taken ↦ the rate now, f64[]."""
    if not callable(rate):
        return asarray(rate)
    if count is None:
        raise StateError("OPT-06", optimizer=name, fix="opt = opt.init(net) before opt.step")
    return one_rate(rate(cast(count, FLOAT64)), name)


def one_rate(found: Any, name: str) -> Array:
    """What a mapping of steps gave, which must be one number ↦ f64[]."""
    if found is None or isinstance(found, (str, dict, list, tuple)):
        fix = "a schedule maps a step to a number: lambda step: 0.1 / (1 + step)"
        raise UsageError(
            "OPT-11", optimizer=name, found="None" if found is None else f"a {type(found).__name__}", fix=fix
        )
    now = asarray(found)
    if now.shape != ():
        raise ShapeError("OPT-11", optimizer=name, found=now.spec, fix="a schedule maps a step to one number")
    return cast(now, FLOAT64)


def gathered(weight: Array, t: Array) -> Array:
    """1 − weightᵗ, the weight that a running mean has gathered in t steps, exact also where `weight` is near 1."""
    return negative(expm1(t * log(weight)))
