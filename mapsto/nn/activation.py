"""Activations: functions of numbers as mappings, so that they compose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mapsto.array import functions
from mapsto.array.arithmetic import tanh as tanh_function
from mapsto.array.array import Array
from mapsto.compose.mapping import Mapping


class Activation(Mapping):
    """x ↦ f(x), f32[…] ↦ f32[…]: a function of arrays that keeps the shape, as a mapping that composes.

    >>> relu([-1.0, 2.0])
    array([0., 2.], f32[2])
    >>> softmax([[0.0, 0.0]]), round(float(sigmoid(2.0)), 3), round(float(tanh(3.0)), 3)
    (array([[0.5, 0.5]], f32[1,2]), 0.881, 0.995)
    """

    function: Callable[..., Array]

    def __call__(self, x: Any) -> Array:
        return self.function(x)

    @property
    def label(self) -> str:
        return self.function.__name__


relu = Activation(functions.relu)
"""f32[…] ↦ f32[…]: max(0, x); its derivative at 0 is 0."""

sigmoid = Activation(functions.sigmoid)
"""f32[…] ↦ f32[…]: 1 / (1 + e⁻ˣ), from 0 to 1."""

tanh = Activation(tanh_function)
"""f32[…] ↦ f32[…]: the hyperbolic tangent, from −1 to 1: tanh 3 = 0.995."""

softmax = Activation(functions.softmax)
"""f32[…, k] ↦ f32[…, k]: eˣ / Σ eˣ, scores ↦ probabilities. Losses take the scores: it stands after training."""
