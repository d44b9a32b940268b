"""Activations: functions of numbers as mappings, so that they compose."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, overload

from mapsto.array import activations, functions
from mapsto.array.array import Array
from mapsto.array.convert import whole
from mapsto.array.trigonometric import tanh as tanh_function
from mapsto.compose.mapping import Mapping
from mapsto.core.check import one_of, real_number
from mapsto.core.errors import UsageError
from mapsto.core.tree import fields, is_number


class Activation(Mapping):
    """x ↦ f(x), f32[…] ↦ f32[…]: a function of arrays that keeps the shape, as a mapping that composes.

    Some have settings, given by keyword: `nn.leaky_relu(slope=0.2)` is another activation, `nn.leaky_relu(x)` and
    `nn.leaky_relu(x, slope=0.2)` are arrays. Two activations are equal if their functions and settings are.

    Raises UsageError for a setting that there is not, or one out of range; also for a bare number where a setting may
    have been meant: `nn.leaky_relu(0.2)`.

    >>> relu([-1.0, 2.0])
    array([0., 2.], f32[2])
    >>> softmax([[0.0, 0.0]]), round(float(sigmoid(2.0)), 3), round(float(tanh(3.0)), 3)
    (array([[0.5, 0.5]], f32[1,2]), 0.881, 0.995)
    >>> steep = leaky_relu(slope=0.25)
    >>> steep, steep([-2.0, 3.0])
    (Activation(function=leaky_relu, slope=0.25), array([-0.5,  3. ], f32[2]))
    """

    function: Callable[..., Array]
    _root: ClassVar[str] = ""  # alone it is no part of a net: its errors name no path; in a net they name the net's

    def __init__(self, function: Callable[..., Array], **settings: float) -> None:
        self.function = function
        for name, value in settings.items():
            setattr(self, name, checked_setting(function, name, value))

    @overload
    def __call__(self, x: Any, /, **settings: float) -> Array: ...
    @overload
    def __call__(self, **settings: float) -> Activation: ...
    def __call__(self, *args: Any, **settings: float) -> Any:
        if settings or not args:
            chosen = Activation(self.function, **{**self.settings, **settings})
            return self.function(*args, **chosen.settings) if args else chosen
        if is_number(args[0]):
            refuse_ambiguous(self.function, args[0])
        return self.function(*args, **self.settings)

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen besides the function, by name."""
        return {name: value for name, value in fields(self).items() if name != "function"}

    @property
    def label(self) -> str:
        return self.function.__name__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Activation) and fields(self) == fields(other)

    def __hash__(self) -> int:
        return hash((self.function, *self.settings.items()))


def settings_of(function: Callable[..., Array]) -> list[str]:
    """The names of a function's settings: its arguments by keyword."""
    arguments = inspect.signature(function).parameters.values()
    return [one.name for one in arguments if one.kind is one.KEYWORD_ONLY]


def checked_setting(function: Callable[..., Array], name: str, value: Any) -> float:
    """A setting that the function has, with a value that it takes."""
    known = settings_of(function)
    if not known:
        fix = f"{function.__name__} has no settings"
        raise UsageError("ARG-02", function=function.__name__, name="setting", value=name, fix=fix)
    one_of(function.__name__, "setting", name, known)
    if name == "axis":
        axis = whole(value)
        if axis is None:
            raise UsageError("ARG-01", function=function.__name__, name=name, value=value, wanted="an axis")
        return axis
    return real_number(function.__name__, name, value, above=0 if name == "alpha" else None)


def refuse_ambiguous(function: Callable[..., Array], value: Any) -> None:
    """Refuse f(0.2) where 0.2 may be meant as a setting of f."""
    numbers = [name for name in settings_of(function) if name != "axis"]
    if numbers:
        called = f"nn.{function.__name__}"
        fix = f"{called}({numbers[0]}={value}) is the activation; of one number, {called}(xp.asarray({value}))"
        raise UsageError("ACT-01", function=called, value=value, setting=numbers[0], fix=fix)


relu = Activation(functions.relu)
"""f32[…] ↦ f32[…]: max(0, x); its derivative at 0 is 0."""

relu6 = Activation(activations.relu6)
"""f32[…] ↦ f32[…]: min(max(0, x), 6); its derivative at 0 and 6 is 0."""

leaky_relu = Activation(activations.leaky_relu)
"""f32[…] ↦ f32[…]: x above 0, slope·x below, slope = 0.01; at 0 the derivative is `slope`."""

elu = Activation(activations.elu)
"""f32[…] ↦ f32[…]: x above 0, alpha·(eˣ − 1) below, alpha = 1; at 0 the derivative is `alpha`."""

selu = Activation(activations.selu)
"""f32[…] ↦ f32[…]: 1.0507·elu(x, alpha=1.6733); keeps mean 0 and variance 1, with `lecun_normal`."""

celu = Activation(activations.celu)
"""f32[…] ↦ f32[…]: x above 0, alpha·(e^(x/alpha) − 1) below, alpha = 1; smooth at 0."""

gelu = Activation(activations.gelu)
"""f32[…] ↦ f32[…]: x·(1 + erf(x/√2))/2, the exact one."""

gelu_tanh = Activation(activations.gelu_tanh)
"""f32[…] ↦ f32[…]: x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2, the approximation of `gelu`."""

silu = Activation(activations.silu)
"""f32[…] ↦ f32[…]: x·sigmoid(x)."""

swish = silu
"""Another name of `silu`."""

mish = Activation(activations.mish)
"""f32[…] ↦ f32[…]: x·tanh(softplus(x))."""

softplus = Activation(functions.softplus)
"""f32[…] ↦ f32[…]: log(1 + eˣ)."""

softsign = Activation(activations.softsign)
"""f32[…] ↦ f32[…]: x / (1 + |x|), from −1 to 1."""

sigmoid = Activation(functions.sigmoid)
"""f32[…] ↦ f32[…]: 1 / (1 + e⁻ˣ), from 0 to 1."""

log_sigmoid = Activation(activations.log_sigmoid)
"""f32[…] ↦ f32[…]: log sigmoid(x)."""

hard_sigmoid = Activation(activations.hard_sigmoid)
"""f32[…] ↦ f32[…]: relu6(x + 3) / 6, from 0 to 1; its derivative at −3 and 3 is 0."""

tanh = Activation(tanh_function)
"""f32[…] ↦ f32[…]: the hyperbolic tangent, from −1 to 1: tanh 3 = 0.995."""

hard_tanh = Activation(activations.hard_tanh)
"""f32[…] ↦ f32[…]: x kept within −1 and 1; its derivative at both is 0."""

hard_swish = Activation(activations.hard_swish)
"""f32[…] ↦ f32[…]: x·hard_sigmoid(x); its derivative is 0 at −3 and 1 at 3."""

softmax = Activation(functions.softmax)
"""f32[…, k] ↦ f32[…, k]: eˣ / Σ eˣ, scores ↦ probabilities. Losses take the scores: it stands after training."""

log_softmax = Activation(functions.log_softmax)
"""f32[…, k] ↦ f32[…, k]: x − log Σ eˣ, scores ↦ log-probabilities; `axis` as for softmax, −1."""

glu = Activation(activations.glu)
"""f32[…, 2k] ↦ f32[…, k]: a·sigmoid(b) of the two halves of an axis, `axis` = −1."""
