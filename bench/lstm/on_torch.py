"""PyTorch: nn.LSTM, eager and compiled, with the batch or the time in front."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench.lstm import LETTERS, UNITS, WIDTH
from bench.networks import ADAM, Arrays
from bench.on_torch import versions
from bench.runner import Task

__all__ = ["make", "versions"]

# Its second bias adds the same as the first: it is 0 and stays so.
PATHS = {
    "embed.weight": "embedding_1.weight",
    "lstm.weight_ih_l0": "lstm_1.forward.0.weight",
    "lstm.weight_hh_l0": "lstm_1.forward.0.recurrent",
    "lstm.bias_ih_l0": "lstm_1.forward.0.bias",
    "head.weight": "dense_1.weight",
    "head.bias": "dense_1.bias",
}


class Net(nn.Module):
    """Characters ↦ scores of the one that follows each."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(LETTERS, WIDTH)
        self.lstm = nn.LSTM(WIDTH, UNITS, batch_first=batch_first)
        self.head = nn.Linear(UNITS, LETTERS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.embed(x))[0])


def turned(name: str, array: np.ndarray) -> np.ndarray:
    return array if array.ndim == 1 or name == "embed.weight" else array.T


class LstmRunner:
    """The network with its weights and its batches."""

    def __init__(self, task: Task, variant: str) -> None:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.first = task.weights
        batch_first = "time" not in variant
        self.net = Net(batch_first)

        def laid(array: np.ndarray) -> torch.Tensor:
            found = torch.from_numpy(array)
            return found if batch_first else found.T.contiguous()

        self.images, self.labels = ([laid(one) for one in arrays] for arrays in (task.images, task.labels))
        self.objective: Any = torch.compile(self.loss, dynamic=False) if "compile" in variant else self.loss
        self.restart()

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(self.net(x).flatten(0, 1), y.flatten())

    def restart(self) -> None:
        with torch.no_grad():
            self.net.lstm.bias_hh_l0.zero_().requires_grad_(False)
            for name, path in PATHS.items():
                array = np.ascontiguousarray(turned(name, self.first[path]))
                self.net.get_parameter(name).copy_(torch.from_numpy(array))
        moving = [parameter for parameter in self.net.parameters() if parameter.requires_grad]
        betas = (ADAM["beta1"], ADAM["beta2"])
        self.optimizer = torch.optim.Adam(moving, ADAM["rate"], betas, ADAM["epsilon"], fused=True)

    def step(self, number: int) -> torch.Tensor:
        self.optimizer.zero_grad()
        loss = self.objective(self.images[number], self.labels[number])
        loss.backward()
        self.optimizer.step()
        return loss

    def wait(self) -> None:
        """Nothing runs on: on the CPU, PyTorch returns when it is done."""

    def numbers(self, found: torch.Tensor) -> np.ndarray:
        return found.detach().numpy()

    def weights(self) -> Arrays:
        return {path: turned(n, self.net.get_parameter(n).detach().numpy().copy()) for n, path in PATHS.items()}


def make(task: Task, variant: str) -> LstmRunner:
    return LstmRunner(task, variant)
