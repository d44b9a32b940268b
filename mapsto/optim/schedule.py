"""Schedules: mappings step ↦ rate, where step counts from 0 the steps that were taken."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mapsto.array.arithmetic import minimum, pow
from mapsto.array.array import Array
from mapsto.array.comparison import where
from mapsto.array.convert import asarray, cast
from mapsto.array.manipulate import full_like
from mapsto.array.rounding import floor
from mapsto.array.trigonometric import cos
from mapsto.compose.mapping import Mapping
from mapsto.core.check import real_number, whole_number
from mapsto.core.errors import UsageError
from mapsto.core.spec import FLOAT64


class Schedule(Mapping):
    """step ↦ rate, f64 of the steps' shape, so that `schedule(xp.arange(1000))` is a curve to draw.

    Made by `cosine`, `warm_up` and their kin. Any optimizer takes one as its rate, and any function of a step as well:
    `optim.sgd(lambda step: 0.1 / (1 + step))`. The optimizer counts its steps in its state, so a rate that changes
    traces nothing anew. A schedule's own numbers are static, as in every mapping: another schedule is another program.

    >>> halved = Schedule(lambda step, rate: rate / (1 + step), rate=0.5)
    >>> from mapsto import xp
    >>> halved(xp.arange(3))
    array([0.5       , 0.25      , 0.16666667], f64[3])
    """

    def __init__(self, formula: Callable[..., Any], **settings: Any) -> None:
        self.formula = formula
        self.settings = settings

    def __call__(self, step: Any) -> Array:
        return asarray(self.formula(cast(asarray(step), FLOAT64), **self.settings))

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{getattr(self.formula, '__name__', 'schedule').removesuffix('_at')}({told})"


def checked_rate(function: str, name: str, value: Any) -> float:
    """A rate within a schedule: 0 or more."""
    return real_number(function, name, value, least=0)


def constant_at(step: Array, rate: float) -> Array:
    return full_like(step, rate)


def constant(rate: float) -> Schedule:
    """step ↦ rate, always. Raises UsageError (ARG-01) unless the rate is 0 or more.

    >>> constant(0.1)(7)
    array(0.1, f64[])
    """
    return Schedule(constant_at, rate=checked_rate("constant", "rate", rate))


def exponential_at(step: Array, rate: float, factor: float, steps: int) -> Array:
    return rate * pow(factor, step / steps)


def exponential(rate: float, factor: float, steps: int = 1) -> Schedule:
    """step ↦ rate · factor^(step / steps): the rate changes by `factor` in every `steps` steps, a little in each.

    Raises UsageError (ARG-01) unless rate ≥ 0, factor is above 0, and steps a whole number of 1 or more.

    >>> [round(float(exponential(0.8, 0.25, 10)(step)), 4) for step in (0, 5, 10, 20)]
    [0.8, 0.4, 0.2, 0.05]
    """
    rate, factor = checked_rate("exponential", "rate", rate), real_number("exponential", "factor", factor, above=0)
    return Schedule(exponential_at, rate=rate, factor=factor, steps=whole_number("exponential", "steps", steps))


def step_decay_at(step: Array, rate: float, factor: float, every: int) -> Array:
    return rate * pow(factor, floor(step / every))


def step_decay(rate: float, factor: float, every: int) -> Schedule:
    """step ↦ rate · factor^⌊step / every⌋: the rate changes by `factor` at every k-th step.

    Raises UsageError (ARG-01) unless rate ≥ 0, factor is above 0, and every a whole number of 1 or more.

    >>> [round(float(step_decay(0.8, 0.5, 10)(step)), 4) for step in (0, 9, 10, 25)]
    [0.8, 0.8, 0.4, 0.2]
    """
    rate, factor = checked_rate("step_decay", "rate", rate), real_number("step_decay", "factor", factor, above=0)
    return Schedule(step_decay_at, rate=rate, factor=factor, every=whole_number("step_decay", "every", every))


def polynomial_at(step: Array, rate: float, steps: int, power: float, end: float) -> Array:
    left = 1.0 - minimum(step / steps, 1.0)
    return end + (rate - end) * pow(left, power)


def polynomial(rate: float, steps: int, power: float = 1.0, end: float = 0.0) -> Schedule:
    """step ↦ end + (rate − end)·(1 − step/steps)^power, and `end` from then on; linear if power is 1.

    Raises UsageError (ARG-01) unless rate and end are 0 or more, power above 0, steps a whole number of 1 or more.

    >>> [round(float(polynomial(0.8, 10, power=2.0)(step)), 4) for step in (0, 5, 10, 11)]
    [0.8, 0.2, 0.0, 0.0]
    """
    settings: dict[str, Any] = {
        "rate": checked_rate("polynomial", "rate", rate),
        "steps": whole_number("polynomial", "steps", steps),
        "power": real_number("polynomial", "power", power, above=0),
        "end": checked_rate("polynomial", "end", end),
    }
    return Schedule(polynomial_at, **settings)


def piecewise_at(step: Array, rate: float, changes: tuple[tuple[int, float], ...]) -> Array:
    now = full_like(step, rate)
    for begin, later in changes:
        now = where(step >= begin, later, now)
    return now


def piecewise(rate: float, changes: dict[int, float]) -> Schedule:
    """step ↦ rate, and from each step in `changes` on the rate that stands there: {1000: 0.01, 5000: 0.001}.

    Raises UsageError (ARG-01) unless rates are 0 or more and steps whole numbers of 0 or more, (OPT-13) for no changes.

    >>> [float(piecewise(0.1, {10: 0.01, 20: 0.001})(step)) for step in (0, 9, 10, 25)]
    [0.1, 0.1, 0.01, 0.001]
    """
    if not isinstance(changes, dict) or not changes:
        raise UsageError("OPT-13", found=repr(changes), fix="optim.piecewise(0.1, {1000: 0.01, 5000: 0.001})")
    pairs = [
        (whole_number("piecewise", "a step", begin, 0), checked_rate("piecewise", f"the rate from step {begin}", later))
        for begin, later in changes.items()
    ]
    return Schedule(piecewise_at, rate=checked_rate("piecewise", "rate", rate), changes=tuple(sorted(pairs)))


def between(left: float, right: float, share: Array) -> Array:
    """From left at share 0 to right at share 1, along half a cosine."""
    return right + (left - right) / 2.0 * (1.0 + cos(math.pi * share))
