"""scikit-learn with array_api_dispatch on arrays of ours: the figures are those for NumPy's arrays.

Its estimators write into what they compute, so they take `xp.writable`; metrics mostly take arrays as they are. Run by
test_libraries.py.
"""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # scikit-learn asks for it

from typing import Any

import numpy as np
import pytest
from sklearn import config_context, metrics
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import pairwise
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import (
    Binarizer,
    KernelCenterer,
    LabelEncoder,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    StandardScaler,
)

import mapsto as mt
from mapsto import xp

pytestmark = pytest.mark.filterwarnings("ignore")  # scikit-learn's own
RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
FEATURES = RNG.normal(size=(60, 4)) + LABELS[:, None]
TARGETS = FEATURES @ [1.0, 2.0, -1.0, 0.5] + 0.1 * RNG.normal(size=60)
P = RNG.uniform(0.05, 0.95, 60)
TRUTH = (LABELS > 0).astype(np.int64)
GUESSED = (LABELS + (RNG.uniform(size=60) > 0.8)) % 3
GIVEN = {"x": FEATURES, "y": LABELS, "t": TARGETS, "p": P, "truth": TRUTH, "guessed": GUESSED}

SCALERS = [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), Normalizer(), Binarizer(), PolynomialFeatures(2)]
ESTIMATORS = [(GaussianNB(), "predict_proba", "y"), (LogisticRegression(), "predict_proba", "y")]
BY_LINALG = [
    (PCA(2, svd_solver="full"), "transform", "y"),
    (Ridge(solver="svd"), "predict", "t"),
    (RidgeClassifier(solver="svd"), "predict", "y"),
    (LinearDiscriminantAnalysis(), "predict", "y"),
]
READING: dict[str, Any] = {
    "accuracy": lambda d: metrics.accuracy_score(d["y"], d["guessed"]),
    "confusion": lambda d: metrics.confusion_matrix(d["y"], d["guessed"]),
    "squared error": lambda d: metrics.mean_squared_error(d["t"], d["p"]),
    "median error": lambda d: metrics.median_absolute_error(d["t"], d["p"]),
    "brier": lambda d: metrics.brier_score_loss(d["truth"], d["p"]),
    "average precision": lambda d: metrics.average_precision_score(d["truth"], d["p"]),
    "precision and recall": lambda d: metrics.precision_recall_curve(d["truth"], d["p"]),
    "polynomial kernel": lambda d: pairwise.polynomial_kernel(d["x"], d["x"]),
    "centred kernel": lambda d: KernelCenterer().fit_transform(d["x"] @ d["x"].T),
    "encoded labels": lambda d: LabelEncoder().fit_transform(d["y"]),
    "a split": lambda d: tuple(train_test_split(d["x"], d["y"], random_state=0)),
}
WRITING: dict[str, Any] = {
    "f1": lambda d: metrics.f1_score(d["y"], d["guessed"], average="macro"),
    "r2": lambda d: metrics.r2_score(d["t"], d["p"]),
    "log loss": lambda d: metrics.log_loss(d["truth"], d["p"]),
    "cosine": lambda d: pairwise.cosine_similarity(d["x"], d["x"]),
    "gaussian kernel": lambda d: pairwise.rbf_kernel(d["x"], d["x"]),
    "cross validation": lambda d: cross_val_predict(GaussianNB(), d["x"], d["y"]),
}


def same(found: Any, wanted: Any) -> None:
    """The numbers that scikit-learn has for NumPy's arrays, in arrays of ours where it has arrays."""
    if isinstance(wanted, (tuple, list)):
        for mine, theirs in zip(found, wanted, strict=True):
            same(mine, theirs)
    else:
        assert isinstance(found, (mt.Array, type(xp.writable(1)))) or np.isscalar(wanted)
        np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-5, atol=1e-8)


def on_ours(function: Any, name: Any) -> Any:
    with config_context(array_api_dispatch=True):
        return function({key: name(value) for key, value in GIVEN.items()})


@pytest.mark.parametrize("name", READING)
def test_what_reads(name: str) -> None:
    same(on_ours(READING[name], xp.asarray), READING[name](GIVEN))


@pytest.mark.parametrize("name", READING | WRITING)
def test_on_writable_arrays(name: str) -> None:
    function = (READING | WRITING)[name]
    same(on_ours(function, xp.writable), function(GIVEN))


@pytest.mark.parametrize("scaler", SCALERS, ids=lambda one: type(one).__name__)
def test_scalers(scaler: Any) -> None:
    same(on_ours(lambda d: scaler.fit_transform(d["x"]), xp.writable), scaler.fit_transform(FEATURES))


@pytest.mark.parametrize(("estimator", "method", "target"), ESTIMATORS, ids=lambda one: type(one).__name__)
def test_estimators(estimator: Any, method: str, target: str) -> None:
    def f(d: Any) -> Any:
        return getattr(estimator.fit(d["x"], d[target]), method)(d["x"])

    same(on_ours(f, xp.writable), f(GIVEN))


@pytest.mark.parametrize(("estimator", "method", "target"), BY_LINALG, ids=lambda one: type(one).__name__)
def test_estimators_by_linear_algebra(estimator: Any, method: str, target: str) -> None:
    test_estimators(estimator, method, target)
