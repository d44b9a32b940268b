"""The networks of examples/from_scratch trained by PyTorch, for the table in examples/from_scratch/README.md.

    python scripts/torch_from_scratch.py dense_sgd 0     # page, seed; needs PyTorch (2.13.0 made the figures)

Same layers, optimizer, batches and epochs, PyTorch's own initialisation. Only the pictures come from mapsto.
"""

from __future__ import annotations

import sys

import torch
from torch import nn

from mapsto import data

SETS = {
    "dense_sgd": ("fashion_mnist", 10, 64),
    "dense_adam": ("mnist_10k", 5, 32),
    "cnn_grey": ("fashion_mnist", 3, 64),
    "cnn_colour": ("cifar10", 3, 64),
}


def network(page: str) -> nn.Module:
    if page == "dense_sgd":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
        )
    if page == "dense_adam":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    colours = 3 if page == "cnn_colour" else 1
    layers: list[nn.Module] = [nn.Conv2d(colours, 32, 3), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    if page == "cnn_colour":
        layers += [nn.Conv2d(64, 64, 3), nn.ReLU()]
    features = 64 * (4 * 4 if page == "cnn_colour" else 5 * 5)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 64), nn.ReLU(), nn.Linear(64, 10))


def tensors(name: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    samples = data.load(name, split)
    x = torch.tensor(samples.x).permute(0, 3, 1, 2).float() / 255
    return x.contiguous(), torch.tensor(samples.y)


def main(page: str, seed: int) -> float:
    name, epochs, batch = SETS[page]
    torch.manual_seed(seed)
    (x, y), (test_x, test_y), net = tensors(name, "train"), tensors(name, "test"), network(page)
    sgd = page == "dense_sgd"
    rule = torch.optim.SGD(net.parameters(), 0.01, 0.9) if sgd else torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(epochs):
        net.train()
        for rows in torch.randperm(len(x)).split(batch):
            rule.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            rule.step()
    net.eval()
    with torch.no_grad():
        right = torch.cat([net(part).argmax(1) for part in test_x.split(500)]) == test_y
    return right.double().mean().item()


if __name__ == "__main__":
    print(sys.argv[1], f"seed {sys.argv[2]}: {main(sys.argv[1], int(sys.argv[2])):.4f}")
