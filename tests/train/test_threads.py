"""A training gives the same bits for any number of threads, and every time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import mapsto as mt
from mapsto import data, image, losses, nn, optim

SAMPLES = data.load("digits").take(400)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    count = mt.threads()
    yield
    mt.threads(count)


def trained(threads: int) -> dict[str, bytes]:
    """The parameters, bit by bit, after two epochs with dropout, batch norm and a smaller last batch."""
    mt.threads(threads)
    net = (
        image.scale(1 / 16)
        >> (nn.Conv2D(16, 3) >> nn.BatchNorm() >> nn.relu >> nn.MaxPool2D(2))
        >> (nn.Conv2D(32, 2) >> nn.relu >> nn.Flatten())
        >> (nn.Dense(64) >> nn.relu >> nn.Dropout(0.2) >> nn.Dense(10))
    )
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.clip(1.0) >> optim.adam(1e-3))
    learner.fit(SAMPLES, epochs=2, batch_size=64, seed=3, progress=False)
    return {path: np.asarray(leaf).tobytes() for path, leaf in mt.parameters(learner.net).items()}


def test_the_same_bits_for_any_number_of_threads() -> None:
    alone = trained(1)
    for threads in (2, 3, 4, 2):
        assert trained(threads) == alone
