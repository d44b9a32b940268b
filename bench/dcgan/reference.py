"""The same steps in plain NumPy and float64, written out: what every framework's losses are held against."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.dcgan import EPSILON, SLOPE
from bench.networks import Arrays
from bench.reference import adam
from bench.runner import Task

GENERATOR = ["dense dense_1", "square", "norm batchnorm_1", "relu", "spread convtranspose2d_1", "norm batchnorm_2"]
GENERATOR += ["relu", "spread convtranspose2d_2", "tanh"]
CRITIC = ["conv conv2d_1", "leaky", "conv conv2d_2", "norm batchnorm_1", "leaky", "flat", "dense dense_1"]
OFFSETS = [(i, j) for i in range(4) for j in range(4)]


def patches(x: np.ndarray) -> np.ndarray:
    """[n, h, w, c] ↦ [n, h / 2, w / 2, 16c]: what a 4×4 kernel of stride 2 sees, one place of border around."""
    h, w = x.shape[1] // 2, x.shape[2] // 2
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.concatenate([x[:, i : i + 2 * h : 2, j : j + 2 * w : 2] for i, j in OFFSETS], axis=-1)


def laid(parts: np.ndarray) -> np.ndarray:
    """The adjoint: [n, h, w, 16c] ↦ [n, 2h, 2w, c]."""
    n, h, w, width = parts.shape
    found = np.zeros((n, 2 * h + 2, 2 * w + 2, width // 16))
    for number, (i, j) in enumerate(OFFSETS):
        found[:, i : i + 2 * h : 2, j : j + 2 * w : 2] += parts[..., number * width // 16 : (number + 1) * width // 16]
    return found[:, 1:-1, 1:-1]


def as_rows(weight: np.ndarray) -> np.ndarray:
    """A transposed convolution's kernel [4, 4, in, out] ↦ [in, 16·out]."""
    return weight.transpose(2, 0, 1, 3).reshape(weight.shape[2], -1)


def forward(word: str, x: np.ndarray, own: Arrays) -> tuple[np.ndarray, Any]:
    """A layer's output, and what its slope will need."""
    if word in ("dense", "conv"):
        seen = patches(x) if word == "conv" else x
        return seen @ own["weight"].reshape(seen.shape[-1], -1) + own.get("bias", 0.0), seen
    if word == "spread":
        return laid(x @ as_rows(own["weight"])) + own.get("bias", 0.0), x
    if word == "norm":
        axes = tuple(range(x.ndim - 1))
        deviation = np.sqrt(x.var(axes) + EPSILON)
        standard = (x - x.mean(axes)) / deviation
        return standard * own["scale"] + own["shift"], (standard, deviation)
    if word in ("relu", "leaky"):
        factor = np.where(x > 0, 1.0, SLOPE if word == "leaky" else 0.0)
        return x * factor, factor
    if word == "tanh":
        return np.tanh(x), np.tanh(x)
    return x.reshape((len(x), 7, 7, -1) if word == "square" else (len(x), -1)), x.shape


def backward(word: str, g: np.ndarray, kept: Any, own: Arrays) -> tuple[np.ndarray, Arrays]:
    """The slope of a layer's output ↦ that of its input, and of its weights."""
    places, flat = tuple(range(g.ndim - 1)), g.reshape(-1, g.shape[-1])
    if word in ("dense", "conv"):
        rows = kept.reshape(-1, kept.shape[-1])
        slopes = {"weight": (rows.T @ flat).reshape(own["weight"].shape)} | bias(own, g.sum(places))
        back = g @ own["weight"].reshape(rows.shape[1], -1).T
        return laid(back) if word == "conv" else back, slopes
    if word == "spread":
        seen = patches(g)
        _, _, count, out = own["weight"].shape
        by_rows = kept.reshape(-1, count).T @ seen.reshape(-1, seen.shape[-1])
        weight = by_rows.reshape(count, 4, 4, out).transpose(1, 2, 0, 3)
        return seen @ as_rows(own["weight"]).T, {"weight": weight} | bias(own, g.sum(places))
    if word == "norm":
        standard, deviation = kept
        slopes = {"scale": (g * standard).sum(places), "shift": g.sum(places)}
        g = g * own["scale"]
        return (g - g.mean(places) - standard * (g * standard).mean(places)) / deviation, slopes
    if word in ("relu", "leaky"):
        return g * kept, {}
    return (g * (1 - kept**2), {}) if word == "tanh" else (g.reshape(kept), {})


def bias(own: Arrays, slope: np.ndarray) -> Arrays:
    return {"bias": slope} if "bias" in own else {}


def through(layers: list[str], net: str, weights: Arrays, x: np.ndarray) -> tuple[np.ndarray, list[Any]]:
    """A net's output and its tape."""
    tape = []
    for layer in layers:
        word, _, name = layer.partition(" ")
        start = f"{net}.{name}."
        own = {path.removeprefix(start): array for path, array in weights.items() if name and path.startswith(start)}
        x, kept = forward(word, x, own)
        tape.append((word, start, own, kept))
    return x, tape


def back(tape: list[Any], g: np.ndarray) -> tuple[np.ndarray, Arrays]:
    """The slope of a net's output ↦ that of its input, and of its weights by path."""
    found: Arrays = {}
    for word, start, own, kept in reversed(tape):
        g, slopes = backward(word, g, kept, own)
        found |= {f"{start}{name}": slope for name, slope in slopes.items()}
    return g, found


def judged(scores: np.ndarray, truth: float) -> tuple[float, np.ndarray]:
    """The mean binary cross-entropy of scores, and its slope."""
    loss = np.logaddexp(0, scores) - truth * scores
    return float(loss.mean()), (1 / (1 + np.exp(-scores)) - truth) / scores.size


def follow(task: Task, steps: int) -> tuple[np.ndarray, Arrays]:
    """A task ↦ (losses f64[steps], the weights after them)."""
    weights = {path: array.astype(np.float64) for path, array in task.weights.items()}
    state, found = dict[str, Arrays](critic={}, generator={}), []
    for number in range(steps):
        real = task.images[number] / 127.5 - 1
        made, made_tape = through(GENERATOR, "generator", weights, task.labels[number].astype(np.float64))
        slopes: Arrays = {}
        total = 0.0
        for x, truth in ((real, 1.0), (made, 0.0)):
            scores, tape = through(CRITIC, "critic", weights, x)
            loss, g = judged(scores, truth)
            total += loss
            for path, slope in back(tape, g)[1].items():
                slopes[path] = slopes.get(path, 0.0) + slope
        adam(weights, slopes, state["critic"], number + 1)
        scores, tape = through(CRITIC, "critic", weights, made)
        loss, g = judged(scores, 1.0)
        adam(weights, back(made_tape, back(tape, g)[0])[1], state["generator"], number + 1)
        found.append(total + loss)
    return np.array(found), weights
