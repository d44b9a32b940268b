"""Metrics: (prediction, target, weight) ↦ numbers that add up over batches, and from their sum one figure.

What a metric says of a data set does not depend on how the set was cut into batches.
"""

from typing import TYPE_CHECKING

from mapsto.core.names import answering
from mapsto.metrics.accuracy import Accuracy, accuracy
from mapsto.metrics.confusion import Confusion, confusion_matrix
from mapsto.metrics.metric import Metric
from mapsto.metrics.precision import F1, Precision, Recall, f1, precision, recall
from mapsto.metrics.ranking import Auc, AveragePrecision, auc, average_precision
from mapsto.metrics.regression import (
    R2,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
    mae,
    mse,
    r2,
    rmse,
)
from mapsto.metrics.report import ClassReport, class_report
from mapsto.metrics.segmentation import Dice, IoU, dice, iou
from mapsto.metrics.top_k import TopK

__all__ = [
    "Accuracy", "Auc", "AveragePrecision", "ClassReport", "Confusion", "F1", "Metric", "Precision", "Recall", "TopK",
    "accuracy", "auc", "average_precision", "class_report", "confusion_matrix", "f1", "precision", "recall",
    "Dice", "IoU", "MeanAbsoluteError", "MeanSquaredError", "R2", "RootMeanSquaredError", "dice", "iou", "mae", "mse",
    "r2", "rmse",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto.metrics")
