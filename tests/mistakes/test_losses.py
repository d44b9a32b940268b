"""What mistakes with losses, and with metrics of numbers and regions, get: every message is held in `snapshots/`.

After a deliberate change, `UPDATE_SNAPSHOTS=1 python -m pytest tests/mistakes` writes them anew; read the difference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, metrics, nn, optim, xp

SNAPSHOTS = Path(__file__).parent / "snapshots"
LABELS = np.array([0, 1, 2, 3, 0, 2])
SCORES = xp.zeros((6, 4))


def learner(net: Any, loss: Any) -> mt.Learner:
    return mt.Learner(net, loss=loss, optimizer=optim.adam(1e-3))


def fit(loss: Any, y: Any, units: int = 4) -> Any:
    return learner(nn.Dense(units), loss).fit(np.zeros((len(y), 3), np.float32), y, progress=False)


MISTAKES: dict[str, tuple[type[mt.MapstoError], Callable[[], Any]]] = {
    # what a loss is given
    "no_batch": (mt.ShapeError, lambda: losses.mse(1.0, 2.0)),
    "no_class_axis": (mt.ShapeError, lambda: losses.cross_entropy(SCORES[:, 0], LABELS)),
    "one_class": (mt.ShapeError, lambda: losses.focal(SCORES[:, :1], LABELS)),
    "column_of_labels": (mt.ShapeError, lambda: losses.hinge(SCORES, LABELS[:, None])),
    "float_labels": (mt.DTypeError, lambda: losses.cross_entropy(SCORES, LABELS.astype(np.float32))),
    "float_labels_of_focal": (mt.DTypeError, lambda: losses.focal(SCORES, LABELS.astype(np.float32))),
    "one_hot_for_labels": (mt.ShapeError, lambda: losses.focal(SCORES, np.eye(4)[LABELS])),
    "label_outside": (mt.DataError, lambda: losses.cross_entropy(SCORES, LABELS + 1)),
    "label_outside_in_a_sequence": (mt.DataError, lambda: losses.hinge(xp.zeros((1, 2, 3)), np.array([[0, -1]]))),
    "label_outside_when_compiled": (mt.IndexRangeError, lambda: mt.compile(losses.focal)(SCORES, LABELS + 1)),
    "ignored_distributions": (mt.UsageError, lambda: losses.CrossEntropy(ignore=-1)(SCORES, np.eye(4)[LABELS])),
    "ignored_regions": (mt.UsageError, lambda: losses.Dice(ignore=0)(SCORES, np.eye(4)[LABELS])),
    "class_weights": (mt.ShapeError, lambda: losses.CrossEntropy(weights=(1.0, 2.0))(SCORES, LABELS)),
    "positive_weights": (mt.ShapeError, lambda: losses.BinaryCrossEntropy(positive=(1, 2))(SCORES, SCORES)),
    "targets_differ": (mt.ShapeError, lambda: losses.huber(SCORES, SCORES[:, :2])),
    "kl_of_labels": (mt.ShapeError, lambda: losses.kl(SCORES, LABELS)),
    "cosine_of_numbers": (mt.ShapeError, lambda: losses.cosine(LABELS, LABELS)),
    "triplet_of_pairs": (mt.ShapeError, lambda: losses.triplet(xp.zeros((6, 2, 8)))),
    "triplet_as_a_tuple": (mt.ShapeError, lambda: losses.triplet((SCORES, SCORES, SCORES))),  # type: ignore[arg-type]
    "contrastive_targets": (mt.ShapeError, lambda: losses.contrastive(xp.zeros((6, 2, 8)), xp.zeros((6, 2)))),
    # how a loss is made
    "smoothing": (mt.UsageError, lambda: losses.CrossEntropy(smoothing=1.5)),
    "weights_number": (mt.UsageError, lambda: losses.CrossEntropy(weights=2.0)),
    "weights_negative": (mt.UsageError, lambda: losses.Focal(weights=(1.0, -2.0))),
    "ignore_number": (mt.UsageError, lambda: losses.CrossEntropy(ignore=0.5)),  # type: ignore[arg-type]
    "delta": (mt.UsageError, lambda: losses.Huber(delta=0)),
    "squared": (mt.UsageError, lambda: losses.Hinge(squared=2)),  # type: ignore[arg-type]
    "others": (mt.UsageError, lambda: losses.Hinge(others="larger")),
    "takes": (mt.UsageError, lambda: losses.KL(takes="log_probability")),
    # losses in a Learner
    "class_of_losses": (mt.UsageError, lambda: learner(nn.Dense(4), losses.CrossEntropy)),
    "softmax_before_focal": (mt.UsageError, lambda: learner(nn.Dense(4) >> nn.softmax, losses.Focal(gamma=1))),
    "softmax_before_smoothed": (
        mt.UsageError,
        lambda: learner(nn.Dense(4) >> nn.softmax, losses.CrossEntropy(smoothing=0.1)),
    ),
    "class_range_of_hinge": (mt.DataError, lambda: fit(losses.hinge, LABELS, units=3)),
    "class_range_beside_ignored": (mt.DataError, lambda: fit(losses.CrossEntropy(ignore=-1), LABELS - 2)),
    "class_weights_in_fit": (mt.ShapeError, lambda: fit(losses.CrossEntropy(weights=(1, 2, 3)), LABELS)),
    # metrics
    "metric_shapes": (mt.ShapeError, lambda: metrics.mae(xp.zeros((6, 1)), xp.zeros(6))),
    "metric_batch": (mt.ShapeError, lambda: metrics.r2(1.0, 2.0)),
    "metric_regions": (mt.ShapeError, lambda: metrics.iou(xp.zeros((2, 4, 4, 3)), np.zeros((2, 4, 3), np.int64))),
    "metric_region_labels": (mt.ShapeError, lambda: metrics.dice(SCORES, LABELS.astype(np.float32))),
    "metric_region_classes": (mt.DTypeError, lambda: metrics.iou(LABELS, LABELS)),
    "metric_average": (mt.UsageError, lambda: metrics.IoU("mean")),
    "metric_ignore": (mt.UsageError, lambda: metrics.Dice(ignore="background")),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", MISTAKES)
def test_message(name: str) -> None:
    kind, make = MISTAKES[name]
    with pytest.raises(kind) as error:
        make()
    text = re.sub(r"test_losses\.py:\d+", "test_losses.py:…", f"{type(error.value).__name__}: {error.value}") + "\n"
    path = SNAPSHOTS / f"losses_{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert len(text.splitlines()) <= 12 and not re.search(r"\[(USE-01|SHAPE-07|DATA-01)\]", text)
    assert text == path.read_text(encoding="utf-8")


def test_what_is_ignored_is_no_label_out_of_range() -> None:
    history = fit(losses.CrossEntropy(ignore=255), np.where(LABELS == 2, 255, LABELS))
    assert np.isfinite(history["loss"]).all()
    fit(losses.CrossEntropy(weights=(1, 2, 3, 4)), LABELS)
    learner(nn.Dense(4) >> nn.softmax, losses.KL(takes="log_probabilities"))
