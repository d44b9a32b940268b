"""JAX with optax: lax.scan over the time, the product with all inputs before it; also with several turns unrolled."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from bench.lstm import UNITS
from bench.on_jax import JaxRunner, versions
from bench.runner import Task

__all__ = ["make", "versions"]

WAY = "lstm_1.forward.0"


def logits(unroll: int, weights: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    """Characters [n, time] ↦ scores [n, time, letters]."""
    given = weights["embedding_1.weight"][x.T] @ weights[f"{WAY}.weight"] + weights[f"{WAY}.bias"]

    def turn(state: tuple[jax.Array, jax.Array], row: jax.Array) -> Any:
        h, c = state
        i, f, g, o = jnp.split(row + h @ weights[f"{WAY}.recurrent"], 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((x.shape[0], UNITS))
    _, hidden = lax.scan(turn, (zeros, zeros), given, unroll=unroll)
    return hidden.transpose(1, 0, 2) @ weights["dense_1.weight"] + weights["dense_1.bias"]


class LstmRunner(JaxRunner):
    """The same step as for any other net."""

    def __init__(self, task: Task, variant: str) -> None:
        self.logits = partial(logits, 10 if "unroll" in variant else 1)
        super().__init__(task, variant)


def make(task: Task, variant: str) -> LstmRunner:
    return LstmRunner(task, variant)
