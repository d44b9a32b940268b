"""mapsto: a step of both nets, compiled as one with all its state donated."""

from __future__ import annotations

from typing import Any

import numpy as np

import mapsto as mt
from bench.dcgan import EPSILON, NOISE, SLOPE
from bench.networks import ADAM, Arrays
from bench.on_mapsto import versions
from bench.runner import Task
from mapsto import losses, nn, optim, xp

__all__ = ["make", "versions"]


def nets() -> dict[str, mt.Mapping]:
    norm, leaky = nn.BatchNorm(epsilon=EPSILON), nn.leaky_relu(slope=SLOPE)
    square = nn.Dense(7 * 7 * 64, bias=False) >> nn.Reshape((7, 7, 64))
    spread = nn.ConvTranspose2D(32, 4, stride=2, padding="same", bias=False)
    generator = square >> norm >> nn.relu >> spread >> nn.BatchNorm(epsilon=EPSILON) >> nn.relu
    generator = generator >> nn.ConvTranspose2D(1, 4, stride=2, padding="same") >> nn.tanh
    first, second = (nn.Conv2D(n, 4, stride=2, padding="same", bias=n == 32) for n in (32, 64))
    critic = first >> leaky >> second >> nn.BatchNorm(epsilon=EPSILON) >> leaky >> nn.Flatten() >> nn.Dense(1)
    return {
        "generator": generator.init(mt.key(0), xp.zeros((1, NOISE))),
        "critic": critic.init(mt.key(0), xp.zeros((1, 28, 28, 1))),
    }


def should_be(truth: float, scores: Any) -> Any:
    return losses.binary_cross_entropy(scores[:, 0], xp.full_like(scores[:, 0], truth)).mean()


@mt.compile(donate=("run",))
def train(run: Any, pictures: Any, noise: Any) -> Any:
    real, key = xp.astype(pictures, xp.float32) / 127.5 - 1, mt.key(0)

    def critic_loss(critic: Any) -> Any:
        of_real, critic = mt.training(critic)(key, real)
        of_made, critic = mt.training(critic)(key, mt.training(run["generator"])(key, noise)[0])
        return should_be(1.0, of_real) + should_be(0.0, of_made), critic

    (loss_c, critic), slopes = mt.value_and_grad(critic_loss, aux=True)(run["critic"])
    critic, critic_opt = run["critic_opt"].step(critic, slopes)

    def generator_loss(generator: Any) -> Any:
        made, generator = mt.training(generator)(key, noise)
        return should_be(1.0, mt.training(critic)(key, made)[0]), generator

    (loss_g, generator), slopes = mt.value_and_grad(generator_loss, aux=True)(run["generator"])
    generator, generator_opt = run["generator_opt"].step(generator, slopes)
    run = {"generator": generator, "critic": critic, "generator_opt": generator_opt, "critic_opt": critic_opt}
    return run, loss_c + loss_g


class DcganRunner:
    """Both nets, their optimizers, and the batches as NumPy arrays."""

    def __init__(self, task: Task) -> None:
        self.task, self.made = task, nets()
        states = {path: np.array(array) for path, array in mt.select(self.made, "**").items()}
        self.first = {**states, **task.weights}
        self.restart()

    def restart(self) -> None:
        nets = mt.replace(self.made, self.first)
        self.run = {**nets, **{f"{name}_opt": optim.adam(**ADAM).init(net) for name, net in nets.items()}}

    def step(self, number: int) -> Any:
        self.run, loss = train(self.run, self.task.images[number], self.task.labels[number])
        return loss

    def wait(self) -> None:
        """Nothing runs on: a compiled function returns when it is done."""

    def numbers(self, found: Any) -> np.ndarray:
        return np.asarray(found)

    def weights(self) -> Arrays:
        return {path: np.array(mt.select(self.run, path)[path]) for path in self.task.weights}


def make(task: Task, variant: str) -> DcganRunner:
    return DcganRunner(task)
