"""mapsto: the training step as a user writes it, compiled with its state donated."""

from __future__ import annotations

import tempfile
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

import mapsto as mt
from bench.networks import ADAM, MOMENTUM, Arrays, layers_of
from bench.runner import Task
from mapsto import image, losses, nn, optim
from mapsto.core.version import VERSION
from mapsto.server.model import Served

LAYERS = {
    "conv": lambda units: nn.Conv2D(units, 3),
    "dense": lambda units: nn.Dense(units),
    "relu": lambda _: nn.relu,
    "pool": lambda _: nn.MaxPool2D(2),
    "flatten": lambda _: nn.Flatten(),
}


def versions() -> dict[str, str]:
    return {"mapsto": VERSION}


@mt.compile(donate=("net", "opt"))
def train(net: Any, opt: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    def objective(net: Any) -> Any:
        return losses.cross_entropy(net(x), y).mean()

    loss, gradients = mt.value_and_grad(objective)(net)
    net, opt = opt.step(net, gradients)
    return net, opt, loss


@mt.compile
def answer(net: Any, x: Any) -> Any:
    return net(x)


class MapstoRunner:
    """The network and, to train it, its optimizer; the batches as NumPy arrays, one by one as the others have them."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.images, self.labels = list(task.images), list(task.labels)
        self.made = self.net_of(task)
        self.restart()

    def net_of(self, task: Task) -> mt.Mapping:
        """A task ↦ its network, with weights of its own."""
        layers = [LAYERS[layer.kind](layer.units) for layer in layers_of(task.row)]
        net = reduce(lambda f, g: f >> g, layers, image.scale(1 / 255))
        return net.init(mt.key(0), task.images[0][:1])

    def restart(self) -> None:
        self.net = mt.replace(self.made, self.task.weights)
        if self.task.row.trains:
            adam = self.task.row.optimizer == "adam"
            self.opt = (optim.adam(**ADAM) if adam else optim.momentum(**MOMENTUM)).init(self.net)

    def step(self, number: int) -> Any:
        self.net, self.opt, loss = train(self.net, self.opt, self.images[number], self.labels[number])
        return loss

    def wait(self) -> None:
        """Nothing runs on: a compiled function returns when it is done."""

    def numbers(self, found: Any) -> np.ndarray:
        return np.asarray(found)

    def weights(self) -> Arrays:
        return {path: np.array(self.parameter(path)) for path in self.task.weights}

    def parameter(self, path: str) -> Any:
        return mt.select(self.net, path)[path]


class Inference(MapstoRunner):
    """The network alone."""

    def step(self, number: int) -> Any:
        return answer(self.net, self.images[number])


class ServedRunner(Inference):
    """The network out of a file, as the server runs its batches."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        with tempfile.TemporaryDirectory() as folder:
            mt.save(self.net, Path(folder, "net.mapsto"))
            self.served = Served("net", mt.load(Path(folder, "net.mapsto")))
        self.served.warm()

    def step(self, number: int) -> Any:
        return self.served.run(self.images[number])


class ProgramRunner(ServedRunner):
    """The program in that file alone, called as any compiled function is."""

    def step(self, number: int) -> Any:
        program = self.served.answer.program
        return program.on_batch(self.images[number], list(program.tensors.values()))


SERVED = {"served": ServedRunner, "program": ProgramRunner}


def make(task: Task, variant: str) -> MapstoRunner:
    return SERVED.get(variant, MapstoRunner if task.row.trains else Inference)(task)
