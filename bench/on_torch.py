"""PyTorch: eager, channels_last and torch.compile, as its documentation recommends each."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch._inductor.config
from torch import nn
from torch.nn import functional as F

from bench.layouts import channels_first, channels_last, flattened_from
from bench.networks import ADAM, MOMENTUM, Arrays, Layer, layers_of
from bench.runner import Task


def versions() -> dict[str, str]:
    return {"torch": torch.__version__}


def module_of(layer: Layer) -> nn.Module:
    if layer.kind == "conv":
        return nn.Conv2d(layer.before[-1], layer.units, 3)
    if layer.kind == "dense":
        return nn.Linear(layer.before[-1], layer.units)
    return {"relu": nn.ReLU(inplace=True), "pool": nn.MaxPool2d(2), "flatten": nn.Flatten()}[layer.kind]


class Scaled(nn.Module):
    """u8 pictures ↦ logits."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x.to(torch.float32) / 255)


class TorchRunner:
    """A network with its weights and its batches in PyTorch's layout."""

    def __init__(self, task: Task, variant: str) -> None:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.row, self.first = task.row, task.weights
        self.flat = flattened_from(task.row)
        self.last = "channels_last" in variant
        layers = list(layers_of(task.row))
        self.paths = [f"{layer.path}.{name}" for layer in layers if layer.path for name in ("weight", "bias")]
        self.net = Scaled(nn.Sequential(*map(module_of, layers)))
        self.load()
        if self.last:
            self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.images = [self.laid(images) for images in task.images]
        self.labels = [torch.from_numpy(labels) for labels in task.labels]

    def laid(self, images: np.ndarray) -> torch.Tensor:
        """Pictures ↦ PyTorch's axes, in memory as the variant has them."""
        if not self.row.pictures:
            return torch.from_numpy(images)
        x = torch.from_numpy(images).permute(0, 3, 1, 2)
        return x.contiguous(memory_format=torch.channels_last if self.last else torch.contiguous_format)

    def load(self) -> None:
        with torch.no_grad():
            for path, parameter in zip(self.paths, self.net.parameters(), strict=True):
                array = channels_first(path, self.first[path], self.flat)
                parameter.copy_(torch.from_numpy(np.ascontiguousarray(array)))

    def wait(self) -> None:
        """Nothing runs on: on the CPU, PyTorch returns when it is done."""

    def numbers(self, found: torch.Tensor) -> np.ndarray:
        return found.detach().numpy()

    def weights(self) -> Arrays:
        found = zip(self.paths, self.net.parameters(), strict=True)
        return {path: channels_last(path, parameter.detach().numpy(), self.flat) for path, parameter in found}


class Training(TorchRunner):
    """Forward, backward and the fused optimizer."""

    def __init__(self, task: Task, variant: str) -> None:
        super().__init__(task, variant)
        self.objective: Callable[..., torch.Tensor] = self.loss
        if "compile" in variant:
            self.objective = torch.compile(self.loss, dynamic=False)
        self.restart()

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(self.net(x), y)

    def restart(self) -> None:
        self.load()
        parameters = list(self.net.parameters())
        if self.row.optimizer == "adam":
            betas = (ADAM["beta1"], ADAM["beta2"])
            self.optimizer = torch.optim.Adam(parameters, ADAM["rate"], betas, ADAM["epsilon"], fused=True)
        else:
            self.optimizer = torch.optim.SGD(parameters, MOMENTUM["rate"], MOMENTUM["decay"], fused=True)

    def step(self, number: int) -> torch.Tensor:
        self.optimizer.zero_grad()
        loss = self.objective(self.images[number], self.labels[number])
        loss.backward()
        self.optimizer.step()
        return loss


class Inference(TorchRunner):
    """The forward pass without a record for gradients."""

    def __init__(self, task: Task, variant: str) -> None:
        super().__init__(task, variant)
        self.net.eval()
        self.answer: Any = self.net
        with torch.inference_mode():
            if "compile" in variant:
                self.answer = torch.compile(self.net, dynamic=False)
            elif variant == "frozen":
                torch._inductor.config.freezing = True
                self.answer = torch.compile(self.net, dynamic=False)
            elif variant == "jit":
                traced = torch.jit.trace(self.net, self.images[0])
                self.answer = torch.jit.optimize_for_inference(torch.jit.freeze(traced))

    def restart(self) -> None:
        """Inference changes nothing."""

    def step(self, number: int) -> torch.Tensor:
        with torch.inference_mode():
            return self.answer(self.images[number])


def make(task: Task, variant: str) -> TorchRunner:
    return (Training if task.row.trains else Inference)(task, variant)
