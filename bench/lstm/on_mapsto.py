"""mapsto: an LSTM over `mt.scan`, the training step compiled with its state donated."""

from __future__ import annotations

import mapsto as mt
from bench.lstm import LETTERS, UNITS, WIDTH
from bench.on_mapsto import MapstoRunner, versions
from bench.runner import Task
from mapsto import nn

__all__ = ["make", "versions"]


class LstmRunner(MapstoRunner):
    """The same step as for any other net."""

    def net_of(self, task: Task) -> mt.Mapping:
        net = nn.Embedding(LETTERS, WIDTH) >> nn.LSTM(UNITS) >> nn.Dense(LETTERS)
        return net.init(mt.key(0), task.images[0][:1])


def make(task: Task, variant: str) -> LstmRunner:
    return LstmRunner(task)
