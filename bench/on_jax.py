"""JAX with optax: one jitted step, its state donated, pictures as [n, height, width, channels]."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from bench.networks import ADAM, MOMENTUM, Arrays, layers_of
from bench.runner import Task


def versions() -> dict[str, str]:
    return {"jax": jax.__version__, "optax": optax.__version__}


def pooled(x: jax.Array, reshape: bool) -> jax.Array:
    """2×2 maxima, what is left over at the border dropped."""
    if not reshape:
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    n, height, width, channels = x.shape
    h, w = height // 2, width // 2
    return x[:, : 2 * h, : 2 * w].reshape(n, h, 2, w, 2, channels).max((2, 4))


class JaxRunner:
    """The network as a pure function of weights and pictures, jitted."""

    def __init__(self, task: Task, variant: str) -> None:
        self.row, self.first = task.row, task.weights
        self.layers = list(layers_of(task.row))
        self.reshape, self.ahead = "reshape" in variant, "ahead" in variant
        self.images = [jnp.asarray(images) for images in task.images]
        self.labels = [jnp.asarray(labels.astype(np.int32)) for labels in task.labels]
        if task.row.optimizer == "adam":
            self.optimizer = optax.adam(ADAM["rate"], ADAM["beta1"], ADAM["beta2"], ADAM["epsilon"])
        else:
            self.optimizer = optax.sgd(MOMENTUM["rate"], MOMENTUM["decay"])
        self.train = jax.jit(self.one_step, donate_argnums=(0, 1))
        self.answer = jax.jit(self.logits)
        self.pending: Any = None
        self.restart()

    def logits(self, weights: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        x = x.astype(jnp.float32) / 255
        for layer in self.layers:
            if layer.kind == "relu":
                x = jax.nn.relu(x)
            elif layer.kind == "pool":
                x = pooled(x, self.reshape)
            elif layer.kind == "flatten":
                x = x.reshape(x.shape[0], -1)
            else:
                weight, bias = weights[f"{layer.path}.weight"], weights[f"{layer.path}.bias"]
                if layer.kind == "conv":
                    x = lax.conv_general_dilated(x, weight, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
                else:
                    x = x @ weight
                x = x + bias
        return x

    def one_step(self, weights: Any, state: Any, x: jax.Array, y: jax.Array) -> tuple[Any, Any, jax.Array]:
        def objective(weights: Any) -> jax.Array:
            return optax.softmax_cross_entropy_with_integer_labels(self.logits(weights, x), y).mean()

        loss, gradients = jax.value_and_grad(objective)(weights)
        updates, state = self.optimizer.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), state, loss

    def restart(self) -> None:
        # A copy, since a donated NumPy buffer taken over without one would be overwritten.
        self.now = {path: jnp.array(array, copy=True) for path, array in self.first.items()}
        self.state = self.optimizer.init(self.now)
        jax.block_until_ready((self.now, self.state))

    def step(self, number: int) -> jax.Array:
        before = self.pending
        if self.row.trains:
            self.now, self.state, found = self.train(self.now, self.state, self.images[number], self.labels[number])
        else:
            found = self.answer(self.now, self.images[number])
        self.pending = found
        waited = before if self.ahead else found
        if waited is not None:
            waited.block_until_ready()
        return found

    def wait(self) -> None:
        jax.block_until_ready((self.now, self.pending))

    def numbers(self, found: jax.Array) -> np.ndarray:
        return np.asarray(found)

    def weights(self) -> Arrays:
        return {path: np.array(array) for path, array in self.now.items()}


def make(task: Task, variant: str) -> JaxRunner:
    return JaxRunner(task, variant)
