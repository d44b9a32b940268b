"""Optimizers: mappings with state from gradients to steps, composed with `>>`; and schedules, step ↦ rate."""

from typing import TYPE_CHECKING

from mapsto.core.calls import explain_calls
from mapsto.core.names import answering
from mapsto.optim.adafactor import adafactor
from mapsto.optim.adam import adam, adamw, amsgrad, nadam
from mapsto.optim.adaptive import adadelta, adagrad, rmsprop
from mapsto.optim.cycles import cosine, cosine_restarts, one_cycle, warm_up
from mapsto.optim.descent import Descent
from mapsto.optim.every import average, averaged, every
from mapsto.optim.gradient import clip, clip_norm, clip_value, global_norm, watch
from mapsto.optim.optimizer import Optimizer
from mapsto.optim.penalty import add_decay, add_l1
from mapsto.optim.schedule import Schedule, constant, exponential, piecewise, polynomial, step_decay
from mapsto.optim.sgd import lion, momentum, nesterov, sgd

__all__ = [
    "Descent", "Optimizer", "Schedule", "adadelta", "adafactor", "adagrad", "adam", "adamw", "add_decay", "add_l1",
    "amsgrad", "average", "averaged", "clip", "clip_norm", "clip_value", "constant", "cosine", "cosine_restarts",
    "every", "exponential", "global_norm", "lion", "momentum", "nadam", "nesterov", "one_cycle", "piecewise",
    "polynomial", "rmsprop", "sgd", "step_decay", "warm_up", "watch",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto.optim")
    explain_calls("mapsto.optim", __all__, globals())
