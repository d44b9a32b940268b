"""The pages of examples/from_scratch run, and their figures are those worked out by other means."""

import contextlib
import io
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest

PAGES = Path(__file__).parent.parent.parent / "examples" / "from_scratch"


def page(name):
    """The names that a page defines."""
    return runpy.run_path(str(PAGES / f"{name}.py"))


# The other pages train on larger sets: tests/learn/test_from_scratch.py.
QUICK = [
    PAGES / f"{name}.py" for name in ("single_neuron", "two_layer_by_hand", "linear_regression", "logistic_regression")
]


@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.stem)
def test_page_runs_as_a_script(path):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(path), run_name="__main__")
    assert printed.getvalue().strip()


def test_linear_regression_is_least_squares():
    found = page("linear_regression")["main"]()
    np.testing.assert_allclose(found["descent"], found["least squares"], rtol=0, atol=1e-10)
    # Noise of 0.01 over 200 samples leaves each weight uncertain by 0.01 / √200 = 0.0007; three times that.
    np.testing.assert_allclose(found["descent"], found["true"], rtol=0, atol=0.0022)


def test_logistic_regression_is_scikit_learns():
    from sklearn.linear_model import LogisticRegression

    example = page("logistic_regression")
    found = example["main"]()
    x, y = example["data"]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # how scikit-learn wants "no penalty" to be said has changed
        peer = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(x, y)
    np.testing.assert_allclose(found["weights"], [*peer.coef_[0], *peer.intercept_], rtol=1e-6)
    assert found["gradient"][-1] < 1e-14
    assert found["accuracy"] == pytest.approx(peer.score(x, y))


def test_logistic_regression_derivatives_are_the_formulas():
    """Gradient Xᵀ(p − y)/n and Hessian Xᵀ·diag(p(1 − p))·X/n."""
    example = page("logistic_regression")
    x, y = example["data"]()
    w = np.array([0.3, -0.7, 0.2])
    gradient, hessian = example["derivatives"](w, x, y)
    ones = np.column_stack([x, np.ones(len(x))])
    p = 1 / (1 + np.exp(-ones @ w))
    np.testing.assert_allclose(gradient, ones.T @ (p - y) / len(x), rtol=1e-12)
    np.testing.assert_allclose(hessian, ones.T @ (ones * (p * (1 - p))[:, None]) / len(x), rtol=1e-12, atol=1e-15)


def test_two_layer_gradients_by_hand():
    for loss, differences in page("two_layer_by_hand")["main"]().items():
        assert len(differences) == 4
        assert max(differences.values()) < 1e-10, loss


def test_single_neuron():
    found = page("single_neuron")["main"]()
    for way in ("z", "layer", "relu"):
        np.testing.assert_allclose(found[way], [2.0, 1.8, 1.1], rtol=1e-6)
    np.testing.assert_allclose(found["sigmoid"], 1 / (1 + np.exp([-2.0, -1.8, -1.1])), rtol=1e-6)
    np.testing.assert_allclose(found["tanh"], np.tanh([2.0, 1.8, 1.1]), rtol=1e-6)
    assert round(float(found["tanh 3"]), 3) == 0.995
