"""Functions of matrices and their derivatives by PyTorch ↦ tests/stored/torch_linalg.npz.

    python scripts/torch_linalg.py        # needs PyTorch (2.13.0 made the stored file) and NumPy, not mapsto

tests/array/test_linalg_torch.py follows it, with the same cases. Everything is float64, in batches of two matrices;
inputs are multiples of 1/1024 and so short in the file. Factors are unique but for signs, so every case is one number
that is the same for all of them: weighted sums of squares, and of products in which the signs meet. The file holds

- `input/NAME`: `square`, `tall` and `wide` matrices, right sides `b`, and for each of them a `direction`;
- `value/CASE`, `gradient/CASE` with respect to the first input, and `second/CASE`, the derivative of the gradient along
  the direction: the Hessian times it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import linalg

FILE = Path(__file__).resolve().parent.parent / "tests" / "stored" / "torch_linalg.npz"
Tensor = torch.Tensor
SHAPES = {"square": (2, 4, 4), "tall": (2, 5, 3), "wide": (2, 3, 5), "b": (2, 4, 2)}


def inputs() -> dict[str, np.ndarray]:
    rng = np.random.Generator(np.random.PCG64(7))
    made = {name: np.round(1024 * rng.normal(0, 1, shape)) / 1024 for name, shape in SHAPES.items()}
    along = {f"{name} direction": np.round(1024 * rng.normal(0, 1, shape)) / 1024 for name, shape in SHAPES.items()}
    return made | along


def weighted(x: Tensor) -> Tensor:
    """Σ x·w with the weights 1, 2, … in the order of the elements."""
    return (x * torch.arange(1, x.numel() + 1, dtype=x.dtype).reshape(x.shape)).sum()


def symmetric(x: Tensor) -> Tensor:
    return (x + x.mT) / 2


def positive(x: Tensor) -> Tensor:
    return x @ x.mT + torch.eye(x.shape[-1], dtype=x.dtype)


def eigh(x: Tensor) -> Tensor:
    w, v = linalg.eigh(symmetric(x))
    return weighted(v**2) + weighted((v * w.tanh()[..., None, :]) @ v.mT)


def qr(x: Tensor) -> Tensor:
    q, r = linalg.qr(x)
    return weighted(q**2) + weighted(r**2)


def svd(x: Tensor) -> Tensor:
    u, s, vh = linalg.svd(x, full_matrices=False)
    return weighted(u**2) + weighted(vh**2) + weighted(s) + weighted((u * s.tanh()[..., None, :]) @ vh)


CASES: dict[str, tuple[str, Callable[..., Tensor]]] = {
    "cholesky": ("square", lambda x: weighted(linalg.cholesky(positive(x)))),
    "det": ("square", lambda x: weighted(linalg.det(x))),
    "eigh": ("square", eigh),
    "eigvalsh": ("square", lambda x: weighted(linalg.eigvalsh(symmetric(x)))),
    "inv": ("square", lambda x: weighted(linalg.inv(x))),
    "matrix_norm fro": ("tall", lambda x: weighted(linalg.matrix_norm(x))),
    "matrix_norm nuc": ("tall", lambda x: weighted(linalg.matrix_norm(x, "nuc"))),
    "matrix_norm 2": ("wide", lambda x: weighted(linalg.matrix_norm(x, 2))),
    "matrix_norm -2": ("wide", lambda x: weighted(linalg.matrix_norm(x, -2))),
    "matrix_norm 1": ("wide", lambda x: weighted(linalg.matrix_norm(x, 1))),
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
    "vector_norm": ("tall", lambda x: weighted(linalg.vector_norm(x, dim=-1))),
    "vector_norm 3": ("tall", lambda x: weighted(linalg.vector_norm(x, 3, dim=-1))),
}


def main() -> None:
    torch.set_default_dtype(torch.float64)
    given = inputs()
    stored = {f"input/{name}": array for name, array in given.items()}
    for case, (names, function) in CASES.items():
        first, *rest = names.split()
        x = torch.tensor(given[first], requires_grad=True)
        value = function(x, *(torch.tensor(given[name]) for name in rest))
        (gradient,) = torch.autograd.grad(value, x, create_graph=True)
        along = (gradient * torch.tensor(given[f"{first} direction"])).sum()
        second = torch.autograd.grad(along, x)[0] if along.requires_grad else torch.zeros_like(x)
        stored[f"value/{case}"] = value.detach().numpy()
        stored[f"gradient/{case}"] = gradient.detach().numpy()
        stored[f"second/{case}"] = second.numpy(force=True)
    np.savez_compressed(FILE, **stored)
    print(f"{FILE}: {len(CASES)} cases, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
