"""Fashion-MNIST to the end: the CNN, five epochs of Adam with batches of 128, here and in PyTorch, seed by seed.

Run as `MAPSTO_DATA=folder python -m bench.fashion [--seeds 3] [--epochs 5]`. Prints accuracies on the test set and the
times of training; PyTorch is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable

import numpy as np

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim
from mapsto.data import Dataset

BATCH = 128
RATE = 1e-3


def ours(train: Dataset, test: Dataset, seed: int, epochs: int) -> tuple[float, float]:
    """(accuracy on the test set, seconds of training)."""
    net = (
        image.scale(1 / 255)
        >> (nn.Conv2D(32, 3) >> nn.relu >> nn.MaxPool2D(2))
        >> (nn.Conv2D(64, 3) >> nn.relu >> nn.MaxPool2D(2))
        >> (nn.Conv2D(64, 3) >> nn.relu >> nn.Flatten())
        >> (nn.Dense(64) >> nn.relu >> nn.Dense(10))
    )
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(RATE), metrics=[metrics.accuracy])
    start = time.perf_counter()
    learner.fit(train, epochs=epochs, batch_size=BATCH, seed=seed, progress=False)
    taken = time.perf_counter() - start
    return float(learner.evaluate(test)["accuracy"]), taken


def pytorch() -> Callable[[Dataset, Dataset, int, int], tuple[float, float]] | None:
    """The same in PyTorch, if it is there; channels_last, which is its fastest here."""
    if importlib.util.find_spec("torch") is None:
        return None
    torch = importlib.import_module("torch")
    torch.set_num_threads(mt.threads())

    def pictures(x: np.ndarray) -> object:
        return torch.from_numpy(x.copy()).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

    def train_and_judge(train: Dataset, test: Dataset, seed: int, epochs: int) -> tuple[float, float]:
        torch.manual_seed(seed)
        layer = torch.nn
        net = layer.Sequential(
            *(layer.Conv2d(1, 32, 3), layer.ReLU(), layer.MaxPool2d(2)),
            *(layer.Conv2d(32, 64, 3), layer.ReLU(), layer.MaxPool2d(2)),
            *(layer.Conv2d(64, 64, 3), layer.ReLU(), layer.Flatten()),
            *(layer.Linear(576, 64), layer.ReLU(), layer.Linear(64, 10)),
        ).to(memory_format=torch.channels_last)
        step = torch.optim.Adam(net.parameters(), RATE, fused=True)
        x, y = pictures(train.x), torch.from_numpy(train.y.astype(np.int64))
        start = time.perf_counter()
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(BATCH):
                step.zero_grad(set_to_none=True)
                layer.functional.cross_entropy(net(x[rows].float() / 255), y[rows]).backward()
                step.step()
        taken = time.perf_counter() - start
        with torch.inference_mode():
            found = torch.cat([net(part.float() / 255).argmax(1) for part in pictures(test.x).split(1000)])
        return float((found.numpy() == test.y).mean()), taken

    return train_and_judge


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    asked = parser.parse_args()
    train, test = (data.load("fashion_mnist", part) for part in ("train", "test"))
    who = {"mapsto": ours, "PyTorch": pytorch()}
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(asked.seeds):
        for name, run in who.items():
            if run is not None:
                found.setdefault(name, []).append(run(train, test, seed, asked.epochs))
                accuracy, seconds = found[name][-1]
                print(f"seed {seed}  {name:8s} {accuracy:.4f}  {seconds:6.1f} s", flush=True)
    for name, results in found.items():
        accuracies, seconds = zip(*results, strict=True)
        print(f"mean    {name:8s} {np.mean(accuracies):.4f}  {np.mean(seconds):6.1f} s")


if __name__ == "__main__":
    main()
