"""The same training in plain NumPy and float64, written out: what every framework's losses are held against."""

from __future__ import annotations

import numpy as np

from bench import reference
from bench.networks import Arrays, Row
from bench.runner import Task

WAY = "lstm_1.forward.0"


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def loss_and_gradients(row: Row, weights: Arrays, x: np.ndarray, y: np.ndarray) -> tuple[float, Arrays]:
    """The mean cross-entropy over all places of a batch, and its gradient by every weight."""
    table, w, u, b = (weights[path] for path in ("embedding_1.weight", *(f"{WAY}.{n}" for n in NAMES)))
    (n, time), units = x.shape, u.shape[0]
    h, c = np.zeros((n, units)), np.zeros((n, units))
    tape, hidden = [], np.empty((n, time, units))
    for t in range(time):
        gates = table[x[:, t]] @ w + b + h @ u
        i, f, o = (sigmoid(gates[:, k * units : (k + 1) * units]) for k in (0, 1, 3))
        g = np.tanh(gates[:, 2 * units : 3 * units])
        after = f * c + i * g
        tape.append((h, c, i, f, g, o, np.tanh(after)))
        h, c = o * np.tanh(after), after
        hidden[:, t] = h
    z = hidden @ weights["dense_1.weight"] + weights["dense_1.bias"]
    z = z - z.max(2, keepdims=True)
    chances = np.exp(z) / np.exp(z).sum(2, keepdims=True)
    chosen = np.take_along_axis(chances, y[:, :, None], 2)
    slope = chances / y.size
    np.put_along_axis(slope, y[:, :, None], np.take_along_axis(slope, y[:, :, None], 2) - 1 / y.size, 2)
    found = {path: np.zeros(array.shape) for path, array in weights.items()}
    found["dense_1.weight"] = hidden.reshape(-1, units).T @ slope.reshape(-1, slope.shape[2])
    found["dense_1.bias"] = slope.sum((0, 1))
    by_hidden = slope @ weights["dense_1.weight"].T
    by_h, by_c = np.zeros((n, units)), np.zeros((n, units))
    for t in reversed(range(time)):
        h, c, i, f, g, o, seen = tape[t]
        by_h = by_h + by_hidden[:, t]
        by_c = by_c + by_h * o * (1 - seen**2)
        parts = by_c * g * i * (1 - i), by_c * c * f * (1 - f), by_c * i * (1 - g**2), by_h * seen * o * (1 - o)
        by_gates = np.concatenate(parts, axis=1)
        found[f"{WAY}.weight"] += table[x[:, t]].T @ by_gates
        found[f"{WAY}.recurrent"] += h.T @ by_gates
        found[f"{WAY}.bias"] += by_gates.sum(0)
        np.add.at(found["embedding_1.weight"], x[:, t], by_gates @ w.T)
        by_h, by_c = by_gates @ u.T, by_c * f
    return float(-np.log(chosen).mean()), found


def follow(task: Task, steps: int) -> tuple[np.ndarray, Arrays]:
    """A task ↦ (losses f64[steps], the weights after them)."""
    return reference.follow(task, steps, loss_and_gradients)


NAMES = ("weight", "recurrent", "bias")
