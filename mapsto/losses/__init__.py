"""Losses: (prediction, target) ↦ one value per example, f32[n]. Shapes that differ are an error, never broadcast.

A lower-case name is a loss: a function, or a mapping with the usual options. A capital one makes it with others:
`loss=losses.cross_entropy`, `loss=losses.CrossEntropy(smoothing=0.1)`. What begins with `binary` takes one score, or
one number, for each yes or no; its namesake without takes one for each class.
"""

from typing import TYPE_CHECKING

from mapsto.core.calls import explain_calls
from mapsto.core.names import answering
from mapsto.losses.binary import BinaryCrossEntropy, binary_cross_entropy
from mapsto.losses.classification import CrossEntropy, cross_entropy
from mapsto.losses.dice import BinaryDice, Dice, binary_dice, dice
from mapsto.losses.distributions import KL, Poisson, kl, poisson
from mapsto.losses.focal import BinaryFocal, Focal, binary_focal, focal
from mapsto.losses.hinge import BinaryHinge, Hinge, binary_hinge, hinge
from mapsto.losses.loss import Loss
from mapsto.losses.regression import Huber, huber, log_cosh, mae, mse
from mapsto.losses.vectors import Contrastive, Triplet, contrastive, cosine, triplet

__all__ = [
    "Loss",
    "binary_cross_entropy", "binary_dice", "binary_focal", "binary_hinge", "contrastive", "cosine", "cross_entropy",
    "dice", "focal", "hinge", "huber", "kl", "log_cosh", "mae", "mse", "poisson", "triplet",
    "BinaryCrossEntropy", "BinaryDice", "BinaryFocal", "BinaryHinge", "Contrastive", "CrossEntropy", "Dice", "Focal",
    "Hinge", "Huber", "KL", "Poisson", "Triplet",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto.losses")
    explain_calls("mapsto.losses", __all__, globals())
