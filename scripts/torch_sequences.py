"""The nets of examples/sequences by PyTorch, for the table in their README.

# PyTorch 2.13.0 and NumPy; the last number is the seed
MAPSTO_DATA=… python scripts/torch_sequences.py shakespeare 0
MAPSTO_DATA=… python scripts/torch_sequences.py spoken_digits 0

The same layers, batches, optimizers and numbers of epochs with PyTorch's own first weights. Features of recordings are
those of the page itself, which needs mapsto.
"""

from __future__ import annotations

import gzip
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

ROOT = Path(__file__).resolve().parent.parent
TIME = 100


class Writer(nn.Module):
    """Characters ↦ scores of the one that follows each, and the last state."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.embed, self.lstm = nn.Embedding(count, 64), nn.LSTM(64, 128, batch_first=True)
        self.head = nn.Linear(128, count)

    def forward(self, x: torch.Tensor, state=None):
        hidden, state = self.lstm(self.embed(x), state)
        return self.head(hidden), state


class Listener(nn.Module):
    """f32[n, time, 24] filled up with zeros ↦ scores of ten digits."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(24, 64, num_layers=2, bidirectional=True, dropout=0.3, batch_first=True)
        self.drop, self.head = nn.Dropout(0.3), nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        lengths = (x != 0).any(2).sum(1)
        _, last = self.gru(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        return self.head(self.drop(torch.cat([last[-2], last[-1]], 1)))


def trained(net: nn.Module, loss, x: torch.Tensor, y: torch.Tensor, rate: float, epochs: int, batch: int) -> nn.Module:
    optimizer = torch.optim.Adam(net.parameters(), rate)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for rows in order.split(batch):
            optimizer.zero_grad()
            loss(net, x[rows], y[rows]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
    return net.eval()


def shakespeare(epochs: int = 10) -> float:
    whole = gzip.decompress(Path(os.environ["MAPSTO_DATA"], "tinyshakespeare", "input.txt.gz").read_bytes()).decode()
    letters = sorted(set(whole))
    numbers = torch.tensor([letters.index(one) for one in whole])
    border = len(numbers) * 9 // 10

    def rows(part: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        end = (len(part) - 1) // width * width
        return part[:end].reshape(-1, width), part[1 : end + 1].reshape(-1, width)

    def loss(net, x, y):
        return functional.cross_entropy(net(x)[0].flatten(0, 1), y.flatten())

    net = trained(Writer(len(letters)), loss, *rows(numbers[:border], TIME), 3e-3, epochs, 64)
    total, state = [], None
    with torch.no_grad():
        for x, y in zip(*rows(numbers[border:], 1000), strict=True):
            scores, state = net(x[None], state)
            total.append(float(functional.cross_entropy(scores[0], y)))
    return float(np.exp(np.mean(total)))


def spoken_digits(epochs: int = 15) -> float:
    sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "sequences")]
    from spoken_digits import load

    (x, y), (test_x, test_y) = load()

    def loss(net, x, y):
        return functional.cross_entropy(net(x), y)

    net = trained(Listener(), loss, torch.tensor(x), torch.tensor(y), 2e-3, epochs, 32)
    with torch.no_grad():
        return float((net(torch.tensor(test_x)).argmax(1) == torch.tensor(test_y)).float().mean())


if __name__ == "__main__":
    torch.manual_seed(int(sys.argv[2]))
    began = time.perf_counter()
    print(f"{sys.argv[1]} {globals()[sys.argv[1]]():.4f} in {time.perf_counter() - began:.0f} s, seed {sys.argv[2]}")
