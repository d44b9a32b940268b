"""A small net that knows digits, trained once for all these tests."""

from pathlib import Path

import pytest

import mapsto as mt
from mapsto import data, image, losses, nn, optim
from mapsto.train.recipes import answer_for
from tests.server.common import slow_net


def trained(units: int, epochs: int = 4) -> mt.Mapping:
    train = data.load("digits", "train")
    net = image.scale(1 / 16) >> nn.Flatten() >> nn.Dense(units) >> nn.relu >> nn.Dense(10)
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(5e-3))
    learner.fit(train, epochs=epochs, batch_size=32, progress=False)
    return answer_for(learner.net, (8, 8, 1), train.classes)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("serve") / "digits.mapsto"
    mt.save(trained(64), path)
    return path


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("serve") / "slow.mapsto"
    mt.save(slow_net(), path)
    return path


@pytest.fixture(scope="session")
def slower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 15 ms an example; with 16 of them, others come or leave in time on a busy machine, too."""
    path = tmp_path_factory.mktemp("serve") / "slow.mapsto"
    mt.save(slow_net(20), path)
    return path
