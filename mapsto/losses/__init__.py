"""Losses: (prediction, target) ↦ one value per example, f32[n]. Shapes that differ are an error, never broadcast."""

from mapsto.losses.classification import binary_cross_entropy, cross_entropy
from mapsto.losses.regression import mse

__all__ = ["binary_cross_entropy", "cross_entropy", "mse"]
