"""JAX with optax: a step of both nets jitted as one, its state donated; running statistics move as everybody's do."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from bench.dcgan import EPSILON, SLOPE
from bench.networks import ADAM, Arrays
from bench.on_jax import versions
from bench.runner import Task

__all__ = ["make", "versions"]

AXES = ("NHWC", "HWIO", "NHWC")
Tree = dict[str, jax.Array]


def normalised(weights: Tree, states: Tree, name: str, x: jax.Array) -> tuple[jax.Array, Tree]:
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    moved = {
        f"{name}.mean": 0.9 * states[f"{name}.mean"] + 0.1 * mean,
        f"{name}.variance": 0.9 * states[f"{name}.variance"] + 0.1 * variance,
    }
    y = (x - mean) * lax.rsqrt(variance + EPSILON) * weights[f"{name}.scale"] + weights[f"{name}.shift"]
    return y, lax.stop_gradient(states | moved)


def spread(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A transposed convolution of stride 2, which turns the kernel round."""
    return lax.conv_transpose(x, kernel[::-1, ::-1], (2, 2), "SAME", dimension_numbers=AXES)


def convolved(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=AXES)


def made_of(weights: Tree, states: Tree, noise: jax.Array) -> tuple[jax.Array, Tree]:
    x = (noise @ weights["dense_1.weight"]).reshape(-1, 7, 7, 64)
    x, states = normalised(weights, states, "batchnorm_1", x)
    x = spread(jax.nn.relu(x), weights["convtranspose2d_1.weight"])
    x, states = normalised(weights, states, "batchnorm_2", x)
    x = spread(jax.nn.relu(x), weights["convtranspose2d_2.weight"]) + weights["convtranspose2d_2.bias"]
    return jnp.tanh(x), states


def scores_of(weights: Tree, states: Tree, x: jax.Array) -> tuple[jax.Array, Tree]:
    x = jax.nn.leaky_relu(convolved(x, weights["conv2d_1.weight"]) + weights["conv2d_1.bias"], SLOPE)
    x, states = normalised(weights, states, "batchnorm_1", convolved(x, weights["conv2d_2.weight"]))
    x = jax.nn.leaky_relu(x, SLOPE).reshape(len(x), -1)
    return (x @ weights["dense_1.weight"] + weights["dense_1.bias"])[:, 0], states


def should_be(truth: float, scores: jax.Array) -> jax.Array:
    return optax.sigmoid_binary_cross_entropy(scores, jnp.full_like(scores, truth)).mean()


OPTIMIZER = optax.adam(ADAM["rate"], ADAM["beta1"], ADAM["beta2"], ADAM["epsilon"])


def one_step(run: Any, pictures: jax.Array, noise: jax.Array) -> tuple[Any, jax.Array]:
    real = pictures.astype(jnp.float32) / 127.5 - 1
    (generator, generator_states, generator_opt), (critic, critic_states, critic_opt) = run

    # The forward pass of the generator is one for both losses.
    made, back, generator_states = jax.vjp(lambda w: made_of(w, generator_states, noise), generator, has_aux=True)

    def critic_loss(weights: Tree) -> tuple[jax.Array, Tree]:
        of_real, states = scores_of(weights, critic_states, real)
        of_made, states = scores_of(weights, states, made)
        return should_be(1.0, of_real) + should_be(0.0, of_made), states

    (loss_c, critic_states), slopes = jax.value_and_grad(critic_loss, has_aux=True)(critic)
    updates, critic_opt = OPTIMIZER.update(slopes, critic_opt, critic)
    critic = optax.apply_updates(critic, updates)

    loss_g, slope = jax.value_and_grad(lambda x: should_be(1.0, scores_of(critic, critic_states, x)[0]))(made)
    updates, generator_opt = OPTIMIZER.update(back(slope)[0], generator_opt, generator)
    generator = optax.apply_updates(generator, updates)
    return ((generator, generator_states, generator_opt), (critic, critic_states, critic_opt)), loss_c + loss_g


class DcganRunner:
    """Both nets as pure functions of their weights."""

    def __init__(self, task: Task) -> None:
        self.first = task.weights
        self.images, self.noise = ([jnp.asarray(one) for one in arrays] for arrays in (task.images, task.labels))
        self.train = jax.jit(one_step, donate_argnums=0)
        self.restart()

    def restart(self) -> None:
        run = []
        for net in ("generator", "critic"):
            own = {path.removeprefix(f"{net}."): a for path, a in self.first.items() if path.startswith(net)}
            weights = {path: jnp.array(array, copy=True) for path, array in own.items()}
            norms = [path.removesuffix(".scale") for path in own if path.endswith(".scale")]
            states = {f"{name}.mean": jnp.zeros(own[f"{name}.scale"].shape) for name in norms}
            states |= {f"{name}.variance": jnp.ones(own[f"{name}.scale"].shape) for name in norms}
            run.append((weights, states, OPTIMIZER.init(weights)))
        self.run = jax.block_until_ready(tuple(run))

    def step(self, number: int) -> jax.Array:
        self.run, loss = self.train(self.run, self.images[number], self.noise[number])
        return loss.block_until_ready()

    def wait(self) -> None:
        jax.block_until_ready(self.run)

    def numbers(self, found: jax.Array) -> np.ndarray:
        return np.asarray(found)

    def weights(self) -> Arrays:
        nets = zip(("generator", "critic"), self.run, strict=True)
        return {f"{net}.{path}": np.array(array) for net, part in nets for path, array in part[0].items()}


def make(task: Task, variant: str) -> DcganRunner:
    return DcganRunner(task)
