"""Small sets and learners that the tests of training share."""

from typing import Any

import numpy as np

import mapsto as mt
from mapsto import data, losses, metrics, nn, optim
from tests.compose.layers import Centre

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4)).astype(np.float32)
Y = (X @ RNG.normal(size=(4, 3))).argmax(1)
SET = data.Dataset(X, Y, classes=("a", "b", "c"), name="rows")


def net() -> Any:
    return nn.Dense(8) >> Centre() >> nn.relu >> nn.Dropout(0.2) >> nn.Dense(3)


def learner(given: Any = None, **settings: Any) -> mt.Learner:
    settings = {"loss": losses.cross_entropy, "optimizer": optim.adam(1e-2), "metrics": [metrics.accuracy], **settings}
    return mt.Learner(net() if given is None else given, **settings)
