"""Optimizers: mappings with state from gradients to steps, composed with `>>`."""

from mapsto.optim.gradient import Clip, clip
from mapsto.optim.optimizer import Optimizer
from mapsto.optim.rules import Adam, Momentum, Sgd, adam, momentum, sgd

__all__ = ["Adam", "Clip", "Momentum", "Optimizer", "Sgd", "adam", "clip", "momentum", "sgd"]
