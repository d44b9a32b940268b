"""Activations: functions of numbers as mappings, so that they compose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mapsto.array import functions
from mapsto.array.arithmetic import tanh as tanh_function
from mapsto.array.array import Array
from mapsto.compose.mapping import Mapping


class Activation(Mapping):
    """x ↦ f(x), by a function of arrays that keeps the shape."""

    function: Callable[..., Array]

    def __call__(self, x: Any) -> Array:
        return self.function(x)

    @property
    def label(self) -> str:
        return self.function.__name__


relu = Activation(functions.relu)
"""max(0, x); its derivative at 0 is 0."""

sigmoid = Activation(functions.sigmoid)
"""1 / (1 + e⁻ˣ), from 0 to 1."""

tanh = Activation(tanh_function)
"""The hyperbolic tangent, from −1 to 1: tanh 3 = 0.995."""

softmax = Activation(functions.softmax)
"""eˣ / Σ eˣ over the last axis: scores ↦ probabilities. Losses take the scores: it stands after training."""
