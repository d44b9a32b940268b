"""Penalties on weights, added to their gradients."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from mapsto.array.arithmetic import sign
from mapsto.optim.optimizer import Optimizer
from mapsto.optim.settings import LEAST, Arrays, Bounds, fit
from mapsto.optim.state import chosen


class Penalty(Optimizer):
    """Gradients ↦ gradients plus that of a penalty on the weights at chosen paths."""

    takes: ClassVar[Literal["either", "gradients", "steps"]] = "gradients"
    bounds: ClassVar[dict[str, Bounds]] = {"strength": LEAST}

    def __init__(self, strength: float, paths: str) -> None:
        self.strength = self.setting("strength", strength)
        self.paths = paths

    def start(self, params: Arrays) -> Penalty:
        chosen(self.paths, params)
        return self

    def slope(self, w: Any) -> Any:
        """The derivative of the penalty of strength 1."""
        raise NotImplementedError

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Penalty]:
        found = dict(gradients)
        for path in chosen(self.paths, params):
            w = params[path]
            found[path] = found[path] + self.slope(w) * fit(self.strength, w)
        return found, self


class AddDecay(Penalty):
    """Gradients ↦ g + strength·w. See `add_decay`."""

    def slope(self, w: Any) -> Any:
        return w


class AddL1(Penalty):
    """Gradients ↦ g + strength·sign(w). See `add_l1`."""

    def slope(self, w: Any) -> Any:
        return sign(w)


def add_decay(strength: float, paths: str = "**") -> AddDecay:
    """Gradients ↦ g + strength·w at the paths that fit: weight decay as part of the gradient, PyTorch's `weight_decay`.

    It is the gradient of an L2 penalty, strength/2 · Σw²; to add λ·Σw², as `mt.l2` and Keras count, say 2λ. Before a
    rule that rescales gradients, such as adam, most of it is undone: `adamw` and `lion` decay after the scaling.
    Before or after `clip` it does or does not count against the norm. Patterns are those of `mt.select`.

    Raises UsageError (ARG-01) unless strength ≥ 0, (OPT-10) behind a rule of descent; PathError (MAP-06) at `init` if
    no trained path fits.

    >>> from mapsto import optim, xp
    >>> net = {"weight": xp.asarray([4.0]), "bias": xp.asarray([4.0])}
    >>> opt = (add_decay(0.5, "**.weight") >> optim.sgd(0.5)).init(net)
    >>> opt.step(net, {"weight": xp.asarray([1.0]), "bias": xp.asarray([1.0])})[0]
    {'weight': array([2.5], f32[1]), 'bias': array([3.5], f32[1])}
    """
    return AddDecay(strength, paths)


def add_l1(strength: float, paths: str = "**") -> AddL1:
    """Gradients ↦ g + strength·sign(w) at the paths that fit: the gradient of the L1 penalty strength · Σ|w|.

    At w = 0 it adds nothing. Errors and patterns are those of `add_decay`.

    >>> from mapsto import optim, xp
    >>> w = xp.asarray([4.0, 0.0, -2.0])
    >>> opt = (add_l1(0.5) >> optim.sgd(1.0)).init(w)
    >>> opt.step(w, xp.asarray([0.0, 0.0, 0.0]))[0]
    array([ 3.5,  0. , -1.5], f32[3])
    """
    return AddL1(strength, paths)
