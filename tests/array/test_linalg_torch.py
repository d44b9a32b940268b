"""Functions of matrices, their gradients and Hessians times a direction equal PyTorch's: scripts/torch_linalg.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp

STORED = np.load(Path(__file__).parents[1] / "stored" / "torch_linalg.npz")
linalg = xp.linalg


def weighted(x: Any) -> Any:
    """Σ x·w with the weights 1, 2, … in the order of the elements."""
    return xp.sum(x * xp.reshape(xp.arange(1, x.size + 1, dtype=x.dtype), x.shape))


def symmetric(x: Any) -> Any:
    return (x + x.mT) / 2


def positive(x: Any) -> Any:
    return x @ x.mT + xp.eye(x.shape[-1], dtype=x.dtype)


def eigh(x: Any) -> Any:
    w, v = linalg.eigh(symmetric(x))
    return weighted(v**2) + weighted((v * xp.tanh(w)[..., None, :]) @ v.mT)


def qr(x: Any) -> Any:
    q, r = linalg.qr(x)
    return weighted(q**2) + weighted(r**2)


def svd(x: Any) -> Any:
    u, s, vh = linalg.svd(x, full_matrices=False)
    return weighted(u**2) + weighted(vh**2) + weighted(s) + weighted((u * xp.tanh(s)[..., None, :]) @ vh)


CASES: dict[str, tuple[str, Callable[..., Any]]] = {
    "cholesky": ("square", lambda x: weighted(linalg.cholesky(positive(x)))),
    "det": ("square", lambda x: weighted(linalg.det(x))),
    "eigh": ("square", eigh),
    "eigvalsh": ("square", lambda x: weighted(linalg.eigvalsh(symmetric(x)))),
    "inv": ("square", lambda x: weighted(linalg.inv(x))),
    "matrix_norm fro": ("tall", lambda x: weighted(linalg.matrix_norm(x))),
    "matrix_norm nuc": ("tall", lambda x: weighted(linalg.matrix_norm(x, ord="nuc"))),
    "matrix_norm 2": ("wide", lambda x: weighted(linalg.matrix_norm(x, ord=2))),
    "matrix_norm -2": ("wide", lambda x: weighted(linalg.matrix_norm(x, ord=-2))),
    "matrix_norm 1": ("wide", lambda x: weighted(linalg.matrix_norm(x, ord=1))),
    "matrix_power 3": ("square", lambda x: weighted(linalg.matrix_power(x, 3))),
    "matrix_power -2": ("square", lambda x: weighted(linalg.matrix_power(x, -2))),
    "pinv tall": ("tall", lambda x: weighted(linalg.pinv(x))),
    "pinv wide": ("wide", lambda x: weighted(linalg.pinv(x))),
    "qr square": ("square", qr),
    "qr tall": ("tall", qr),
    "slogdet": ("square", lambda x: weighted(linalg.slogdet(x).logabsdet)),
    "solve": ("square b", lambda x, b: weighted(linalg.solve(x, b))),
    "solve for b": ("b square", lambda b, x: weighted(linalg.solve(x, b) ** 2)),
    "svd square": ("square", svd),
    "svd tall": ("tall", svd),
    "svd wide": ("wide", svd),
    "svdvals": ("tall", lambda x: weighted(linalg.svdvals(x) ** 3)),
    "vector_norm": ("tall", lambda x: weighted(linalg.vector_norm(x, axis=-1))),
    "vector_norm 3": ("tall", lambda x: weighted(linalg.vector_norm(x, axis=-1, ord=3))),
}


def close(found: Any, wanted: Any) -> None:
    """Up to 1e-10 of the largest entry."""
    assert np.shape(found) == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10 * max(1.0, float(np.abs(wanted).max())))


def test_every_case_is_stored() -> None:
    assert {name.split("/")[1] for name in STORED.files if name.startswith("value/")} == set(CASES)


@pytest.mark.parametrize("compiled", [False, True], ids=["interpreted", "compiled"])
@pytest.mark.parametrize("name", CASES)
def test_like_torch(name: str, compiled: bool) -> None:
    names, function = CASES[name]
    first, *rest = names.split()
    x, *others = (xp.asarray(STORED[f"input/{one}"]) for one in (first, *rest))
    direction = xp.asarray(STORED[f"input/{first} direction"])

    def by_first(x: Any) -> Any:
        return function(x, *others)

    def three(x: Any) -> Any:
        value, gradient = mt.value_and_grad(by_first)(x)
        return value, gradient, mt.grad(lambda y: xp.sum(mt.grad(by_first)(y) * direction))(x)

    value, gradient, second = (mt.compile(three) if compiled else three)(x)
    close(value, STORED[f"value/{name}"])
    close(gradient, STORED[f"gradient/{name}"])
    close(second, STORED[f"second/{name}"])
    pushed = mt.jvp(by_first, (x,), (direction,))[1]
    close(pushed, np.sum(STORED[f"gradient/{name}"] * np.asarray(direction)))
