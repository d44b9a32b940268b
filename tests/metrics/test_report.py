"""The class report has scikit-learn's figures, and reads well."""

import numpy as np
import pytest
from sklearn.metrics import classification_report
from sklearn.metrics import confusion_matrix as sklearn_matrix

import mapsto as mt
from mapsto import metrics


def counted(truth: np.ndarray, chosen: np.ndarray, classes: int) -> np.ndarray:
    metric = metrics.confusion_matrix(classes)
    return metric.value(np.asarray(metric(np.eye(classes, dtype=np.float32)[chosen], truth)))


@pytest.mark.parametrize("seed", range(8))
def test_same_figures_as_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 9))
    truth, chosen = rng.integers(0, classes, 60), rng.integers(0, classes, 60)
    if seed % 2:  # one class without examples, one never chosen
        truth, chosen = np.where(truth == 0, 1, truth), np.where(chosen == classes - 1, 0, chosen)
    matrix = counted(truth, chosen, classes)
    np.testing.assert_array_equal(matrix, sklearn_matrix(truth, chosen, labels=range(classes)))
    report = metrics.class_report(matrix)
    theirs = classification_report(truth, chosen, labels=range(classes), output_dict=True, zero_division=0.0)
    for i in range(classes):
        row = theirs[str(i)]
        ours = (report.precision[i], report.recall[i], report.f1[i], report.support[i])
        np.testing.assert_allclose(ours, [row[k] for k in ("precision", "recall", "f1-score", "support")], rtol=1e-12)
    for average, name in ((report.macro, "macro avg"), (report.weighted, "weighted avg")):
        np.testing.assert_allclose(average, [theirs[name][k] for k in ("precision", "recall", "f1-score")], rtol=1e-12)
    assert report.accuracy == pytest.approx(float(np.mean(truth == chosen)))
    assert report.total == 60


def test_no_examples_at_all() -> None:
    report = metrics.class_report(np.zeros((3, 3), np.int64))
    assert (report.accuracy, report.macro, report.weighted) == (0.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert report.confused() == []
    assert "confused" not in str(report)


def test_the_most_confused_pairs() -> None:
    matrix = np.diag([5, 5, 5, 5])
    matrix[3, 0], matrix[0, 3], matrix[1, 2], matrix[2, 1] = 3, 1, 2, 1
    report = metrics.class_report(matrix, ["a", "b", "c", "d"])
    assert report.confused() == [("d", "a", 3), ("b", "c", 2), ("a", "d", 1)]
    assert report.confused(10)[3:] == [("c", "b", 1)]
    pairs = ["most confused", "  d taken for a: 3 times", "  b taken for c: 2 times", "  a taken for d: 1 time"]
    assert str(report).splitlines()[-4:] == pairs


def test_the_table() -> None:
    names = ["T-shirt/top", "猫", "a name that goes on and on and on"]
    report = metrics.class_report([[1200, 0, 1], [0, 0, 0], [2, 0, 7]], names)
    table = """\
class                         precision  recall     f1  support
───────────────────────────────────────────────────────────────
T-shirt/top                       0.998   0.999  0.999    1,201
猫                                0.000   0.000  0.000        0
a name that goes on and on …      0.875   0.778  0.824        9
───────────────────────────────────────────────────────────────
accuracy                                         0.998    1,210
macro average                     0.624   0.592  0.607    1,210
weighted average                  0.997   0.998  0.997    1,210

most confused
  a name that goes on and on and on taken for T-shirt/top: 2 times
  T-shirt/top taken for a name that goes on and on and on: 1 time"""
    matrix = """\
true ╲ taken for                  0  1  2
0 T-shirt/top                 1,200  ·  1
1 猫                              ·  ·  ·
2 a name that goes on and o…      2  ·  7"""
    assert str(report) == table
    assert report.confusion_text() == matrix


def test_short_names_head_the_columns() -> None:
    matrix = """\
true ╲ taken for  cat  dog
cat                 8    2
dog                 ·    9"""
    assert metrics.class_report([[8, 2], [0, 9]], ["cat", "dog"]).confusion_text() == matrix


@pytest.mark.parametrize(
    ("matrix", "classes", "error", "text"),
    [
        (np.zeros((2, 3)), (), mt.ShapeError, r"\(2, 3\)"),
        (np.zeros(4), (), mt.ShapeError, "not \\[k, k\\]"),
        (np.zeros((0, 0)), (), mt.ShapeError, "not \\[k, k\\]"),
        (np.zeros((2, 2)), ("one",), mt.ShapeError, "1 names for 2 classes"),
        ([[1, -1], [0, 2]], (), mt.DataError, "whole numbers"),
        ([[1, 0.5], [0, 2]], (), mt.DataError, "whole numbers"),
        ([[1, np.nan], [0, 2]], (), mt.DataError, "whole numbers"),
        ([["1", "2"], ["3", "4"]], (), mt.DataError, "whole numbers"),
    ],
)
def test_what_is_no_matrix_of_counts_is_refused(matrix, classes, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        metrics.class_report(matrix, classes)
