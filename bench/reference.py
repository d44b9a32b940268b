"""The same training in plain NumPy and float64: what every framework's losses are held against.

Written for this comparison alone, with nothing of mapsto in it, so that an error of ours cannot hide here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.networks import ADAM, MOMENTUM, Arrays, Layer, Row, layers_of
from bench.runner import Task

Slopes = Callable[[Row, Arrays, np.ndarray, np.ndarray], tuple[float, Arrays]]
OFFSETS = [(i, j) for i in range(3) for j in range(3)]


def patches(x: np.ndarray) -> np.ndarray:
    """[n, h, w, c] ↦ [n, h − 2, w − 2, 9c]: what each place of a 3×3 kernel without padding sees."""
    height, width = x.shape[1] - 2, x.shape[2] - 2
    return np.concatenate([x[:, i : i + height, j : j + width] for i, j in OFFSETS], axis=-1)


def forward(layer: Layer, x: np.ndarray, weights: Arrays) -> tuple[np.ndarray, Any]:
    """A layer's output, and what its gradient will need."""
    if layer.path:
        weight, bias = weights[f"{layer.path}.weight"], weights[f"{layer.path}.bias"]
        seen = patches(x) if layer.kind == "conv" else x
        return seen @ weight.reshape(-1, layer.units) + bias, (seen, x.shape)
    if layer.kind == "relu":
        return np.maximum(x, 0), x > 0
    if layer.kind == "pool":
        height, width = layer.after[:2]
        corners = np.stack([x[:, i : 2 * height : 2, j : 2 * width : 2] for i in (0, 1) for j in (0, 1)])
        return corners.max(0), (corners.argmax(0), x.shape)
    return x.reshape(len(x), -1), x.shape


def backward(layer: Layer, g: np.ndarray, kept: Any, weights: Arrays, gradients: Arrays) -> np.ndarray:
    """The gradient of a layer's output ↦ that of its input; those of its weights go into `gradients`."""
    if layer.path:
        seen, shape = kept
        weight = weights[f"{layer.path}.weight"]
        rows, flat = seen.reshape(-1, seen.shape[-1]), g.reshape(-1, layer.units)
        gradients[f"{layer.path}.weight"] = (rows.T @ flat).reshape(weight.shape)
        gradients[f"{layer.path}.bias"] = flat.sum(0)
        back = g @ weight.reshape(-1, layer.units).T
        return scattered(back, shape) if layer.kind == "conv" else back
    if layer.kind == "relu":
        return g * kept
    if layer.kind == "pool":
        winner, shape = kept
        found = np.zeros(shape)
        height, width = layer.after[:2]
        for number, (i, j) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            found[:, i : 2 * height : 2, j : 2 * width : 2] = g * (winner == number)
        return found
    return g.reshape(kept)


def scattered(back: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The adjoint of `patches`: what each place of the kernel gives back, added up."""
    found = np.zeros(shape)
    height, width, channels = shape[1] - 2, shape[2] - 2, shape[3]
    for number, (i, j) in enumerate(OFFSETS):
        found[:, i : i + height, j : j + width] += back[..., number * channels : (number + 1) * channels]
    return found


def logits(row: Row, weights: Arrays, images: np.ndarray) -> tuple[np.ndarray, list[tuple[Layer, Any]]]:
    """u8 pictures ↦ (logits, every layer with what its gradient will need)."""
    x, tape = images / 255, []
    for layer in layers_of(row):
        x, kept = forward(layer, x, weights)
        tape.append((layer, kept))
    return x, tape


def loss_and_gradients(row: Row, weights: Arrays, images: np.ndarray, labels: np.ndarray) -> tuple[float, Arrays]:
    """The mean cross-entropy of a batch and its gradient by every weight."""
    z, tape = logits(row, weights, images)
    z = z - z.max(1, keepdims=True)
    each = np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), labels]
    g = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    g[np.arange(len(z)), labels] -= 1
    g /= len(z)
    gradients: Arrays = {}
    for layer, kept in reversed(tape):
        g = backward(layer, g, kept, weights, gradients)
    return float(each.mean()), gradients


def momentum(weights: Arrays, gradients: Arrays, state: Arrays, number: int) -> None:
    """v ← decay·v + g, w ← w − rate·v, in place."""
    for path, g in gradients.items():
        state[path] = MOMENTUM["decay"] * state.get(path, 0.0) + g
        weights[path] -= MOMENTUM["rate"] * state[path]


def adam(weights: Arrays, gradients: Arrays, state: Arrays, number: int) -> None:
    """Algorithm 1 of Kingma and Ba (2015, arXiv:1412.6980), in place; `number` counts steps from 1."""
    b1, b2 = ADAM["beta1"], ADAM["beta2"]
    for path, g in gradients.items():
        m = state[f"m {path}"] = b1 * state.get(f"m {path}", 0.0) + (1 - b1) * g
        v = state[f"v {path}"] = b2 * state.get(f"v {path}", 0.0) + (1 - b2) * g**2
        weights[path] -= ADAM["rate"] * (m / (1 - b1**number)) / (np.sqrt(v / (1 - b2**number)) + ADAM["epsilon"])


def follow(task: Task, steps: int, slopes: Slopes = loss_and_gradients) -> tuple[np.ndarray, Arrays]:
    """A task ↦ (losses f64[steps], or logits f64[steps, n, 10] in inference; the weights after them)."""
    weights = {path: array.astype(np.float64) for path, array in task.weights.items()}
    if not task.row.trains:
        return np.stack([logits(task.row, weights, images)[0] for images in task.images[:steps]]), weights
    state: Arrays = {}
    found = []
    for number in range(steps):
        loss, gradients = slopes(task.row, weights, task.images[number], task.labels[number])
        (adam if task.row.optimizer == "adam" else momentum)(weights, gradients, state, number + 1)
        found.append(loss)
    return np.array(found), weights


def disagreement(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of losses, each by its own size; of logits, by the largest logit.

    >>> disagreement(np.array([2.0, 1.001]), np.array([2.0, 1.0])) < 1.01e-3
    True
    """
    scale = np.abs(expected) if expected.ndim == 1 else np.abs(expected).max()
    return float((np.abs(found - expected) / scale).max())


def drift(found: Arrays, expected: Arrays, first: Arrays) -> float:
    """How far final weights are from the expected ones, by how far training moved them; of all paths the largest.

    By the Euclidean norm: Adam takes steps of full size along gradients that are rounding errors, so that single
    weights may differ by a whole step.

    >>> w = {"w": np.array([0.0, 0.0])}
    >>> drift({"w": np.array([1.0, 0.1])}, {"w": np.array([1.0, 0.0])}, w)
    0.1
    """
    if set(found) != set(expected):
        return float("inf")
    return max(
        float(np.linalg.norm(found[path] - expected[path]) / np.linalg.norm(expected[path] - first[path]))
        for path in expected
    )
