"""Metrics: (prediction, target, weight) ↦ numbers that add up over batches, and from their sum one figure.

What a metric says of a data set does not depend on how the set was cut into batches.
"""

from mapsto.metrics.accuracy import Accuracy, accuracy
from mapsto.metrics.confusion import Confusion, confusion_matrix
from mapsto.metrics.metric import Metric
from mapsto.metrics.report import ClassReport, class_report

__all__ = ["Accuracy", "ClassReport", "Confusion", "Metric", "accuracy", "class_report", "confusion_matrix"]
