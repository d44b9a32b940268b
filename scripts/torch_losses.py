"""Values and gradients of losses by PyTorch ↦ tests/stored/torch_losses.npz, which tests/losses/test_parity.py follows.

    python scripts/torch_losses.py        # needs PyTorch (2.13.0 made the stored file) and NumPy, not mapsto

Everything is float64; inputs are multiples of 1/1024 and so short in the file. Where PyTorch has no such loss, the
published formula stands here in PyTorch's functions, which give its gradient. The file holds

- `input/NAME`, the predictions and targets that cases share;
- `value/CASE` f64[n], one a row of the batch; `gradient/CASE`, of the sum of the values with respect to the prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

FILE = Path(__file__).resolve().parent.parent / "tests" / "stored" / "torch_losses.npz"
N, K, PLACES = 7, 5, 4
Tensor = torch.Tensor
Loss = Callable[[Tensor, Tensor], Tensor]


def inputs() -> dict[str, np.ndarray]:
    rng = np.random.Generator(np.random.PCG64(4))

    def coarse(*shape: int, scale: float = 3.0) -> np.ndarray:
        return np.round(1024 * rng.normal(0, scale, shape)) / 1024

    shares = rng.integers(0, 9, (N, K)) + np.eye(K, dtype=np.int64)[rng.integers(0, K, N)]
    return {
        "scores": coarse(N, K),
        "labels": rng.integers(0, K, N),
        "some_labels": np.array([2, -1, 0, 4, -1, 3, 1]),
        "large_scores": coarse(N, K, scale=300.0),
        "place_scores": coarse(N, PLACES, K),
        "place_labels": np.where(rng.random((N, PLACES)) < 0.3, -100, rng.integers(0, K, (N, PLACES))),
        "all_place_labels": rng.integers(0, K, (N, PLACES)),
        "distributions": shares / shares.sum(axis=1, keepdims=True),
        "numbers": coarse(N, K),
        "flat": coarse(N),
        "flat_labels": rng.integers(0, 2, N),
        "truth": rng.integers(0, 2, (N, K)),
        "some_truth": rng.integers(-1, 2, (N, K)),
        "degrees": np.round(64 * rng.random((N, K))) / 64,
        "counts": rng.integers(0, 9, (N, K)),
        "rates": np.round(64 * rng.uniform(0.1, 6, (N, K))) / 64,
        "shares": np.round(64 * rng.random((N, PLACES, K))) / 64,
        "triples": coarse(N, 3, 4, scale=1.0),
        "pairs": coarse(N, 2, 4, scale=0.5),
        "same": rng.integers(0, 2, N),
    }


def mean_of(loss: Tensor, kept: Tensor | None = None) -> Tensor:
    """[n, …] ↦ [n], over the places that are kept."""
    loss = loss.reshape(len(loss), -1)
    if kept is None:
        return loss.mean(1)
    kept = kept.reshape(len(kept), -1).to(loss.dtype)
    return (loss * kept).sum(1) / kept.sum(1).clamp(min=1)


def cross_entropy(**options: object) -> Loss:
    """PyTorch's, of the axes that it wants: classes second."""
    ignore = options.get("ignore_index", -100)

    def loss(x: Tensor, t: Tensor) -> Tensor:
        if x.ndim == 2:
            return F.cross_entropy(x, t, reduction="none", **options)  # type: ignore[arg-type]
        return mean_of(F.cross_entropy(x.movedim(-1, 1), t, reduction="none", **options), t != ignore)  # type: ignore[arg-type]

    return loss


def binary_cross_entropy(smoothing: float = 0.0, ignore: int | None = None, **options: object) -> Loss:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        kept = None if ignore is None else t != ignore
        t = t.to(x.dtype) * (1 - smoothing) + smoothing / 2
        return mean_of(F.binary_cross_entropy_with_logits(x, t, reduction="none", **options), kept)  # type: ignore[arg-type]

    return loss


def focal(gamma: float, weights: list[float] | None = None) -> Loss:
    """Lin et al., 2017, eq. 4 and 5."""

    def loss(x: Tensor, t: Tensor) -> Tensor:
        p = x.softmax(-1).gather(-1, t[..., None])[..., 0]
        alpha = torch.ones(()) if weights is None else torch.tensor(weights, dtype=x.dtype)[t]
        return mean_of(-alpha * (1 - p) ** gamma * p.log())

    return loss


def binary_focal(gamma: float, alpha: float | None = None) -> Loss:
    """Lin et al., 2017, eq. 5, by p_t and α_t."""

    def loss(x: Tensor, t: Tensor) -> Tensor:
        p_t = torch.where(t == 1, x.sigmoid(), (-x).sigmoid())
        alpha_t = 1.0 if alpha is None else torch.where(t == 1, alpha, 1 - alpha)
        return mean_of(-alpha_t * (1 - p_t) ** gamma * p_t.log())

    return loss


def crammer_singer(margin: float = 1.0, squared: bool = False) -> Loss:
    """max(0, margin + the largest of the other scores − the own one)."""

    def loss(x: Tensor, t: Tensor) -> Tensor:
        own = x.gather(-1, t[..., None])[..., 0]
        others = x.masked_fill(F.one_hot(t, x.shape[-1]).bool(), -torch.inf).amax(-1)
        short = (margin + others - own).clamp(min=0)
        return mean_of(short**2 if squared else short)

    return loss


def multi_margin(x: Tensor, t: Tensor, **options: object) -> Tensor:
    return F.multi_margin_loss(x, t, reduction="none", **options)  # type: ignore[arg-type]


def binary_hinge(margin: float = 1.0, squared: bool = False) -> Loss:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        short = (margin - (2.0 * t - 1.0) * x).clamp(min=0)
        return mean_of(short**2 if squared else short)

    return loss


def overlap(p: Tensor, t: Tensor, smooth: float) -> Tensor:
    """[n, places] of p and t ↦ 1 − the soft Dice coefficient."""
    return 1 - (2 * (p * t).sum(1) + smooth) / (p.sum(1) + t.sum(1) + smooth)


def dice(smooth: float = 1.0, probabilities: bool = False, ignore: int | None = None) -> Loss:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        p = x if probabilities else x.softmax(-1)
        kept = torch.ones_like(t, dtype=x.dtype) if ignore is None else (t != ignore).to(x.dtype)
        true = [(t == c).to(x.dtype) * kept for c in range(x.shape[-1])]
        return torch.stack([overlap(p[..., c] * kept, true[c], smooth) for c in range(x.shape[-1])]).mean(0)

    return loss


def binary_dice(smooth: float = 1.0, ignore: int | None = None) -> Loss:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        kept = torch.ones_like(x) if ignore is None else (t != ignore).to(x.dtype)
        return overlap(x.sigmoid() * kept, t * kept, smooth)

    return loss


def triplet(**options: float) -> Loss:
    return lambda x, t: F.triplet_margin_loss(x[:, 0], x[:, 1], x[:, 2], eps=0, reduction="none", **options)


def squared_triplet(margin: float) -> Loss:
    """Schroff et al., 2015, section 3.1."""

    def loss(x: Tensor, t: Tensor) -> Tensor:
        near, far = ((x[:, 0] - x[:, i]).pow(2).sum(1) for i in (1, 2))
        return (near - far + margin).clamp(min=0)

    return loss


def contrastive(margin: float) -> Loss:
    """Hadsell et al., 2006, eq. 4, with Y = 1 − t."""

    def loss(x: Tensor, t: Tensor) -> Tensor:
        distance = F.pairwise_distance(x[:, 0], x[:, 1], eps=0)
        y = 1.0 - t
        return (1 - y) * distance**2 / 2 + y * (margin - distance).clamp(min=0) ** 2 / 2

    return loss


def elementwise(function: Callable[..., Tensor], **options: object) -> Loss:
    return lambda x, t: mean_of(function(x, t.to(x.dtype), reduction="none", **options))


def kl(log_probabilities: bool = False) -> Loss:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        return F.kl_div(x if log_probabilities else x.log_softmax(-1), t, reduction="none").sum(-1)

    return loss


CLASS_WEIGHTS = [0.5, 2.0, 0.0, 1.25, 3.0]
W = torch.tensor(CLASS_WEIGHTS, dtype=torch.float64)
# name: (prediction, target, loss)
CASES: dict[str, tuple[str, str, Loss]] = {
    "cross_entropy": ("scores", "labels", cross_entropy()),
    "cross_entropy large": ("large_scores", "labels", cross_entropy()),
    "cross_entropy smoothing": ("scores", "labels", cross_entropy(label_smoothing=0.1)),
    "cross_entropy weights": ("scores", "labels", cross_entropy(weight=W)),
    "cross_entropy ignore": ("scores", "some_labels", cross_entropy(ignore_index=-1)),
    "cross_entropy all": ("scores", "some_labels", cross_entropy(ignore_index=-1, weight=W, label_smoothing=0.3)),
    "cross_entropy distributions": ("scores", "distributions", cross_entropy()),
    "cross_entropy distributions all": ("scores", "distributions", cross_entropy(weight=W, label_smoothing=0.2)),
    "cross_entropy places": ("place_scores", "place_labels", cross_entropy()),
    "cross_entropy places all": ("place_scores", "place_labels", cross_entropy(weight=W, label_smoothing=0.3)),
    "binary_cross_entropy": ("scores", "truth", binary_cross_entropy()),
    "binary_cross_entropy large": ("large_scores", "truth", binary_cross_entropy()),
    "binary_cross_entropy flat": ("flat", "flat_labels", binary_cross_entropy()),
    "binary_cross_entropy degrees": ("scores", "degrees", binary_cross_entropy()),
    "binary_cross_entropy smoothing": ("scores", "truth", binary_cross_entropy(smoothing=0.1)),
    "binary_cross_entropy positive": ("scores", "truth", binary_cross_entropy(pos_weight=W[1])),
    "binary_cross_entropy positives": ("scores", "degrees", binary_cross_entropy(pos_weight=W)),
    "binary_cross_entropy ignore": ("scores", "some_truth", binary_cross_entropy(ignore=-1)),
    "focal": ("scores", "labels", focal(2.0)),
    "focal half": ("scores", "labels", focal(0.5)),
    "focal none": ("scores", "labels", focal(0.0)),
    "focal weights": ("scores", "labels", focal(3.0, CLASS_WEIGHTS)),
    "focal places": ("place_scores", "all_place_labels", focal(2.0)),
    "binary_focal": ("scores", "truth", binary_focal(2.0)),
    "binary_focal alpha": ("scores", "truth", binary_focal(1.5, 0.25)),
    "hinge": ("scores", "labels", crammer_singer()),
    "hinge squared": ("scores", "labels", crammer_singer(4.0, squared=True)),
    "hinge places": ("place_scores", "all_place_labels", crammer_singer(2.0)),
    "hinge all": ("scores", "labels", multi_margin),
    "hinge all squared": ("scores", "labels", lambda x, t: multi_margin(x, t, p=2, margin=2.5)),
    "binary_hinge": ("scores", "truth", binary_hinge()),
    "binary_hinge squared": ("scores", "truth", binary_hinge(2.0, squared=True)),
    "mse": ("scores", "numbers", elementwise(F.mse_loss)),
    "mae": ("scores", "numbers", elementwise(F.l1_loss)),
    "huber": ("scores", "numbers", elementwise(F.huber_loss)),
    "huber wide": ("scores", "numbers", elementwise(F.huber_loss, delta=2.75)),
    "huber flat": ("flat", "flat_labels", elementwise(F.huber_loss, delta=0.5)),
    "log_cosh": ("scores", "numbers", lambda x, t: mean_of((x - t).cosh().log())),
    "kl": ("scores", "distributions", kl()),
    "kl log": ("scores", "distributions", kl(log_probabilities=True)),
    "poisson": ("scores", "counts", elementwise(F.poisson_nll_loss)),
    "poisson full": ("scores", "counts", elementwise(F.poisson_nll_loss, full=True)),
    "poisson rate": ("rates", "counts", elementwise(F.poisson_nll_loss, log_input=False)),
    "poisson rate full": ("rates", "counts", elementwise(F.poisson_nll_loss, log_input=False, full=True)),
    "cosine": ("scores", "numbers", lambda x, t: 1 - F.cosine_similarity(x, t)),
    "dice": ("place_scores", "all_place_labels", dice()),
    "dice ignore": ("place_scores", "place_labels", dice(0.25, ignore=-100)),
    "dice probabilities": ("shares", "all_place_labels", dice(1e-3, probabilities=True)),
    "binary_dice": ("scores", "truth", binary_dice()),
    "binary_dice ignore": ("scores", "some_truth", binary_dice(0.5, ignore=-1)),
    "triplet": ("triples", "same", triplet()),
    "triplet margin": ("triples", "same", triplet(margin=3.0)),
    "triplet squared": ("triples", "same", squared_triplet(0.2)),
    "contrastive": ("pairs", "same", contrastive(1.0)),
    "contrastive margin": ("pairs", "same", contrastive(2.5)),
}


def main() -> None:
    arrays = inputs()
    stored = {f"input/{name}": array for name, array in arrays.items()}
    for case, (prediction, target, loss) in CASES.items():
        x = torch.from_numpy(arrays[prediction]).requires_grad_()
        value = loss(x, torch.from_numpy(arrays[target]))
        assert value.shape == (N,) and value.dtype == torch.float64, case
        value.sum().backward()
        assert x.grad is not None and torch.isfinite(x.grad).all(), case
        stored[f"value/{case}"], stored[f"gradient/{case}"] = value.detach().numpy(), x.grad.numpy()
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **stored)
    print(f"PyTorch {torch.__version__}, {len(CASES)} cases, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
