"""SciPy with SCIPY_ARRAY_API=1 on arrays of ours: the figures are those of SciPy on NumPy's arrays.

Functions that only read take our arrays; those that write into what they compute take `xp.writable`, and in both cases
derivatives and compiled programs go through them. Run by test_libraries.py.
"""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # before the first import of SciPy

from typing import Any

import numpy as np
import pytest
from scipy import cluster, constants, differentiate, integrate, ndimage, signal, special, stats

import mapsto as mt
from mapsto import xp

pytestmark = pytest.mark.filterwarnings("ignore")  # SciPy's own, of what it will change
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 20, 3))
P = np.abs(A) + 0.1

READING: dict[str, Any] = {
    "softmax": lambda a, b, p: special.softmax(a, axis=1),
    "expit": lambda a, b, p: special.expit(a),
    "xlogy": lambda a, b, p: special.xlogy(a, p),
    "gammaln": lambda a, b, p: special.gammaln(p),
    "betainc": lambda a, b, p: special.betainc(p, p, p / (1 + p)),
    "skew": lambda a, b, p: stats.skew(a, axis=0),
    "kurtosis": lambda a, b, p: stats.kurtosis(a, axis=0),
    "moment": lambda a, b, p: stats.moment(a, 3),
    "gmean": lambda a, b, p: stats.gmean(p),
    "pmean": lambda a, b, p: stats.pmean(p, 3.0),
    "sem": lambda a, b, p: stats.sem(a),
    "ttest_ind": lambda a, b, p: tuple(stats.ttest_ind(a, b)),
    "chisquare": lambda a, b, p: tuple(stats.chisquare(p)),
    "circmean": lambda a, b, p: stats.circmean(a, axis=0),
    "rankdata": lambda a, b, p: stats.rankdata(a, axis=0),
    "trapezoid": lambda a, b, p: integrate.trapezoid(a, axis=0),
    "cumulative_trapezoid": lambda a, b, p: integrate.cumulative_trapezoid(a, axis=0, initial=0),
    "kmeans": lambda a, b, p: cluster.vq.kmeans(a, a[:3, ...])[0],
    "detrend": lambda a, b, p: signal.detrend(a, axis=0, type="constant"),
    "gaussian_filter": lambda a, b, p: ndimage.gaussian_filter(a, 1.0),
    "convert_temperature": lambda a, b, p: constants.convert_temperature(a, "Celsius", "Kelvin"),
}
WRITING: dict[str, Any] = {
    "logsumexp": lambda a, b, p: special.logsumexp(a, axis=0),
    "log_softmax": lambda a, b, p: special.log_softmax(a, axis=1),
    "zscore": lambda a, b, p: stats.zscore(a),
    "variation": lambda a, b, p: stats.variation(a),
    "pearsonr": lambda a, b, p: stats.pearsonr(a, b, axis=0).statistic,
    "entropy": lambda a, b, p: stats.entropy(p, p * p),
    "f_oneway": lambda a, b, p: tuple(stats.f_oneway(a, b)),
    "bartlett": lambda a, b, p: tuple(stats.bartlett(a, b)),
    "tmean": lambda a, b, p: stats.tmean(a, axis=0),
    "lmoment": lambda a, b, p: stats.lmoment(a),
    "quantile": lambda a, b, p: stats.quantile(a, 0.3, axis=0),
    "mannwhitneyu": lambda a, b, p: tuple(stats.mannwhitneyu(a, b, axis=0)),
    "kruskal": lambda a, b, p: tuple(stats.kruskal(a, b, axis=0)),
    "whiten": lambda a, b, p: cluster.vq.whiten(a),
    "derivative": lambda a, b, p: differentiate.derivative(lambda x: x**3, a).df,
}


def same(found: Any, wanted: Any, kind: type) -> None:
    """Results of one kind with the numbers that SciPy has for NumPy's arrays."""
    if isinstance(wanted, tuple):
        for mine, theirs in zip(found, wanted, strict=True):
            same(mine, theirs, kind)
    else:
        assert type(found) is kind
        np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", READING)
def test_functions_that_read(name: str) -> None:
    same(READING[name](*map(xp.asarray, (A, B, P))), READING[name](A, B, P), mt.Array)


@pytest.mark.parametrize("name", READING | WRITING)
def test_functions_on_writable_arrays(name: str) -> None:
    function = (READING | WRITING)[name]
    same(function(*map(xp.writable, (A, B, P))), function(A, B, P), type(xp.writable(A)))


def test_writing_needs_to_be_allowed() -> None:
    with pytest.raises(mt.UsageError, match=r"xp\.writable"):
        special.logsumexp(xp.asarray(A))


def test_derivatives_and_compiled_programs_go_through() -> None:
    x = xp.asarray(A)

    def smooth(x: mt.Array) -> mt.Array:
        return stats.skew(x, axis=None) + special.logsumexp(xp.writable(x)).value

    slope = mt.grad(lambda x: special.logsumexp(xp.writable(x)).value)(x)
    np.testing.assert_allclose(slope, special.softmax(A), rtol=1e-10)
    h = np.zeros_like(A)
    h[3, 1] = 1e-6
    wanted = (float(smooth(x + xp.asarray(h))) - float(smooth(x - xp.asarray(h)))) / 2e-6
    np.testing.assert_allclose(mt.grad(smooth)(x)[3, 1], wanted, rtol=1e-6)
    np.testing.assert_allclose(
        mt.compile(lambda x: special.softmax(x, axis=1))(x), special.softmax(A, axis=1), rtol=1e-10
    )
