"""Steps on gradients before a rule of descent: clipping by norm or value, and watching the norm."""

from __future__ import annotations

from typing import Any, ClassVar

from mapsto.array import arithmetic
from mapsto.array.arithmetic import maximum, square
from mapsto.array.array import Array
from mapsto.array.convert import asarray, cast, wide
from mapsto.array.elementary import sqrt
from mapsto.array.reduction import sum
from mapsto.core.errors import StateError
from mapsto.core.spec import FLOAT64
from mapsto.core.tree import flatten
from mapsto.optim.optimizer import Optimizer
from mapsto.optim.settings import ABOVE, Arrays, Bounds, fit
from mapsto.transform.call import guard


def joint_norm(arrays: Arrays) -> Array:
    """√Σx² over all elements of all arrays, f32[], or f64[] if one of them is."""
    total: Array = asarray(0.0)
    for x in arrays.values():
        total = total + sum(square(x))
    return sqrt(total)


def global_norm(tree: Any) -> Array:
    """A tree ↦ f32[]: √Σx² over all of its numbers together, such as the norm of a gradient.

    f64[] if an array in it is; 0 if there is none.

    >>> from mapsto import grad, xp
    >>> global_norm(grad(lambda net: net["a"] ** 2 + 3.0 * net["b"])({"a": 2.0, "b": 1.0}))
    array(5., f32[])
    """
    return joint_norm({leaf.path: wide(leaf.value) for leaf in flatten(tree)[0]})


class Clip(Optimizer):
    """Gradients ↦ gradients of a joint norm of at most `norm`. See `clip`."""

    bounds: ClassVar[dict[str, Bounds]] = {"norm": ABOVE}

    def __init__(self, norm: float) -> None:
        self.norm = self.setting("norm", norm)

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Clip]:
        norm = joint_norm(gradients)
        guard("the joint norm of the gradients", norm)
        # Divided by the larger of 1 and norm / limit, so that no gradient grows and 0 stays 0.
        shrink = maximum(1.0, norm / fit(self.norm, norm))
        return {path: g / fit(shrink, g) for path, g in gradients.items()}, self


def clip(norm: float) -> Clip:
    """Gradients ↦ gradients: all shrunk together so that their joint norm √Σg² is at most `norm`, which is above 0.

    g ← g / max(1, √Σg² / norm) (Pascanu et al., 2013, arXiv:1211.5063), exactly: PyTorch adds 10⁻⁶ to √Σg². A rule of
    descent comes after it. Raises UsageError (ARG-01) for another norm, and NonFiniteError where the joint norm of the
    gradients is not finite: infinity could not be shrunk to anything that means something.

    >>> from mapsto import grad, optim, xp
    >>> w = xp.asarray([3.0, 4.0])
    >>> opt = (clip(1.0) >> optim.sgd(0.5)).init(w)
    >>> w, opt = opt.step(w, grad(lambda w: xp.sum(w**2))(w))  # the gradient is [6, 8], of norm 10
    >>> [round(float(one), 3) for one in w]
    [2.7, 3.6]
    """
    return Clip(norm)


class ClipNorm(Optimizer):
    """Gradients ↦ gradients of a norm of at most `norm` each. See `clip_norm`."""

    bounds: ClassVar[dict[str, Bounds]] = {"norm": ABOVE}

    def __init__(self, norm: float) -> None:
        self.norm = self.setting("norm", norm)

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, ClipNorm]:
        clipped: Arrays = {}
        for path, g in gradients.items():
            norm = sqrt(sum(square(g)))
            guard(f"the norm of the gradient of {path}" if path else "the norm of the gradient", norm)
            clipped[path] = g / maximum(1.0, norm / fit(self.norm, norm))
        return clipped, self


def clip_norm(norm: float) -> ClipNorm:
    """Gradients ↦ gradients: each array shrunk by itself so that its norm √Σg² is at most `norm`, which is above 0.

    g ← g / max(1, √Σg² / norm) for every parameter, Keras's `clipnorm`. The direction of the whole changes; `clip`
    keeps it. Raises UsageError (ARG-01) for another norm, NonFiniteError where a norm is not finite.

    >>> from mapsto import optim, xp
    >>> net = {"a": xp.asarray([0.0, 0.0]), "b": xp.asarray([0.0])}
    >>> opt = (clip_norm(1.0) >> optim.sgd(1.0)).init(net)
    >>> opt.step(net, {"a": xp.asarray([-30.0, -40.0]), "b": xp.asarray([-0.5])})[0]
    {'a': array([0.6, 0.8], f32[2]), 'b': array([0.5], f32[1])}
    """
    return ClipNorm(norm)


class ClipValue(Optimizer):
    """Gradients ↦ gradients between −limit and limit. See `clip_value`."""

    bounds: ClassVar[dict[str, Bounds]] = {"limit": ABOVE}

    def __init__(self, limit: float) -> None:
        self.limit = self.setting("limit", limit)

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, ClipValue]:
        return {
            path: arithmetic.clip(g, -fit(self.limit, g), fit(self.limit, g)) for path, g in gradients.items()
        }, self


def clip_value(limit: float) -> ClipValue:
    """Gradients ↦ gradients: every number brought between −limit and limit, which is above 0.

    Raises UsageError (ARG-01) for another limit.

    >>> from mapsto import optim, xp
    >>> w = xp.asarray([0.0, 0.0, 0.0])
    >>> opt = (clip_value(1.0) >> optim.sgd(1.0)).init(w)
    >>> opt.step(w, xp.asarray([-30.0, 0.5, 2.0]))[0]
    array([ 1. , -0.5, -1. ], f32[3])
    """
    return ClipValue(limit)


class Watch(Optimizer):
    """Gradients ↦ the same gradients, with their joint norm as state. See `watch`."""

    def __init__(self) -> None:
        self.norm: Array | None = None

    def start(self, params: Arrays) -> Watch:
        return self.replace(norm=asarray(0.0, dtype=FLOAT64))

    def update(self, gradients: Arrays, params: Arrays) -> tuple[Arrays, Watch]:
        if self.norm is None:
            raise StateError("OPT-06", optimizer="watch", fix="opt = opt.init(net) before opt.step")
        return gradients, self.replace(norm=cast(joint_norm(gradients), FLOAT64))

    def figures(self) -> Arrays:
        return {} if self.norm is None else {"gradient norm": self.norm}


def watch() -> Watch:
    """Gradients ↦ the same gradients; their joint norm √Σg² is a figure of the Learner's, "gradient norm".

    Where it stands in the composition is where the norm is taken: before `clip`, it says how much there is to clip.
    By hand, `opt.figures()` has it.

    >>> from mapsto import optim, xp
    >>> w = xp.asarray([0.0, 0.0])
    >>> opt = (watch() >> optim.clip(1.0) >> optim.sgd(0.1)).init(w)
    >>> w, opt = opt.step(w, xp.asarray([3.0, 4.0]))
    >>> opt.figures()
    {'gradient norm': array(5., f64[])}
    """
    return Watch()
