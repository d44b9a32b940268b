"""PyTorch: both nets as its tutorial has them, eager, channels_last and compiled.

The generator runs forward once a step, and its gradient is taken by its own parameters alone, so that nothing is
computed that nobody needs.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench.dcgan import EPSILON, NOISE, SLOPE
from bench.networks import ADAM, Arrays
from bench.on_torch import versions
from bench.runner import Task

__all__ = ["make", "versions"]

# Its parameters ↦ ours, by net.
PATHS = {
    "generator": {
        "0.weight": "dense_1.weight",
        "2.weight": "batchnorm_1.scale",
        "2.bias": "batchnorm_1.shift",
        "4.weight": "convtranspose2d_1.weight",
        "5.weight": "batchnorm_2.scale",
        "5.bias": "batchnorm_2.shift",
        "7.weight": "convtranspose2d_2.weight",
        "7.bias": "convtranspose2d_2.bias",
    },
    "critic": {
        "0.weight": "conv2d_1.weight",
        "0.bias": "conv2d_1.bias",
        "2.weight": "conv2d_2.weight",
        "3.weight": "batchnorm_1.scale",
        "3.bias": "batchnorm_1.shift",
        "6.weight": "dense_1.weight",
        "6.bias": "dense_1.bias",
    },
}


def generator() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(NOISE, 7 * 7 * 64, bias=False),
        nn.Unflatten(1, (64, 7, 7)),
        nn.BatchNorm2d(64, eps=EPSILON),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
        nn.BatchNorm2d(32, eps=EPSILON),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(32, 1, 4, 2, 1),
        nn.Tanh(),
    )


def critic() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Conv2d(32, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64, eps=EPSILON),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Flatten(),
        nn.Linear(7 * 7 * 64, 1),
    )


def theirs(path: str, array: np.ndarray) -> np.ndarray:
    """Our layout ↦ theirs: channels first, also where pictures are flattened."""
    if array.ndim == 4:
        return array.transpose((2, 3, 0, 1) if "transpose" in path else (3, 2, 0, 1))
    if path == "generator.dense_1.weight":
        return array.reshape(NOISE, 7, 7, 64).transpose(3, 1, 2, 0).reshape(-1, NOISE)
    return array.reshape(7, 7, 64, 1).transpose(3, 2, 0, 1).reshape(1, -1) if array.ndim == 2 else array


def ours(path: str, array: np.ndarray) -> np.ndarray:
    """The other way."""
    if array.ndim == 4:
        return array.transpose((2, 3, 0, 1) if "transpose" in path else (2, 3, 1, 0))
    if path == "generator.dense_1.weight":
        return array.reshape(64, 7, 7, NOISE).transpose(3, 1, 2, 0).reshape(NOISE, -1)
    return array.reshape(1, 64, 7, 7).transpose(2, 3, 1, 0).reshape(-1, 1) if array.ndim == 2 else array.copy()


def should_be(truth: float, scores: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, truth))


class DcganRunner:
    """Both nets, their optimizers and the batches in PyTorch's layout."""

    def __init__(self, task: Task, variant: str) -> None:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.first = task.weights
        self.nets = {"generator": generator(), "critic": critic()}
        layout = torch.channels_last if "channels_last" in variant else torch.contiguous_format
        for net in self.nets.values():
            net.to(memory_format=layout)  # type: ignore[call-overload]
        self.images = [
            torch.from_numpy(one).permute(0, 3, 1, 2).contiguous(memory_format=layout) for one in task.images
        ]
        self.noise = [torch.from_numpy(one) for one in task.labels]
        functions: list[Any] = [self.nets["generator"], self.critic_loss, self.generator_loss]
        if "compile" in variant:
            functions = [torch.compile(one, dynamic=False) for one in functions]
        self.make, self.of_critic, self.of_generator = functions
        self.restart()

    def restart(self) -> None:
        with torch.no_grad():
            for name, net in self.nets.items():
                for their_name, path in PATHS[name].items():
                    array = theirs(f"{name}.{path}", self.first[f"{name}.{path}"])
                    net.get_parameter(their_name).copy_(torch.from_numpy(np.ascontiguousarray(array)))
        betas = (ADAM["beta1"], ADAM["beta2"])
        self.optimizers = {
            name: torch.optim.Adam(net.parameters(), ADAM["rate"], betas, ADAM["epsilon"], fused=True)
            for name, net in self.nets.items()
        }

    def critic_loss(self, pictures: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        critic, real = self.nets["critic"], pictures.to(torch.float32) / 127.5 - 1
        return should_be(1.0, critic(real)) + should_be(0.0, critic(made))

    def generator_loss(self, made: torch.Tensor) -> torch.Tensor:
        return should_be(1.0, self.nets["critic"](made))

    def step(self, number: int) -> torch.Tensor:
        made = self.make(self.noise[number])
        self.optimizers["critic"].zero_grad()
        loss_c = self.of_critic(self.images[number], made.detach())
        loss_c.backward()
        self.optimizers["critic"].step()
        loss_g = self.of_generator(made)
        parameters = list(self.nets["generator"].parameters())
        for parameter, slope in zip(parameters, torch.autograd.grad(loss_g, parameters), strict=True):
            parameter.grad = slope
        self.optimizers["generator"].step()
        return loss_c + loss_g

    def wait(self) -> None:
        """Nothing runs on: on the CPU, PyTorch returns when it is done."""

    def numbers(self, found: torch.Tensor) -> np.ndarray:
        return found.detach().numpy()

    def weights(self) -> Arrays:
        return {
            f"{name}.{path}": ours(f"{name}.{path}", net.get_parameter(their_name).detach().numpy())
            for name, net in self.nets.items()
            for their_name, path in PATHS[name].items()
        }


def make(task: Task, variant: str) -> DcganRunner:
    return DcganRunner(task, variant)
