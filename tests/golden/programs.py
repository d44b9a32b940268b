"""Small programs whose way through the compiler is stored, and for which it is counted how often memory is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import mapsto as mt
from mapsto import losses, nn, optim, xp
from mapsto.ir.graph import Graph
from mapsto.target.host import Host

# Goldens are for one processor, whatever this one is: with AVX2.
AVX2 = Host("x86_64-unknown-linux-gnu", "x86-64-v3", "", 32, 16)


def numbers(*shape: int) -> mt.xp.Array:
    return xp.asarray(np.zeros(shape, np.float32))


def of(function: Callable[..., Any], *examples: Any) -> Graph:
    return mt.graph(function)(*examples).graph


def chain(rows: int, width: int) -> Graph:
    x = numbers(rows, width)
    return of(lambda a, b, c: xp.tanh(a * b + c) * 2.0 - xp.exp(a), x, x, x)


def softmax(rows: int, width: int) -> Graph:
    return of(nn.softmax, numbers(rows, width))


def layer_norm(rows: int, width: int) -> Graph:
    x = numbers(rows, width)
    return of(nn.LayerNorm().init(mt.key(0), x), x)


def batch_norm(rows: int, width: int) -> Graph:
    x = numbers(rows, width)
    return of(lambda net, x: mt.training(net)(mt.key(0), x), nn.BatchNorm().init(mt.key(0), x), x)


def cross_entropy(rows: int, width: int) -> Graph:
    labels = xp.asarray(np.zeros(rows, np.int64))
    return of(mt.value_and_grad(lambda p, y: losses.cross_entropy(p, y).mean()), numbers(rows, width), labels)


def dropout(rows: int, width: int) -> Graph:
    x = numbers(rows, width)
    return of(lambda net, key, x: mt.training(net)(key, x)[0], nn.Dropout(0.5).init(mt.key(0), x), mt.key(1), x)


def adam(rows: int, width: int) -> Graph:
    net = nn.Dense(width, bias=False).init(mt.key(0), numbers(1, rows))
    return of(lambda opt, net, g: opt.step(net, g), optim.adam(1e-3).init(net), net, net)


def dense(rows: int, width: int) -> Graph:
    net = (nn.Dense(16) >> nn.relu).init(mt.key(0), numbers(1, width))
    return of(net, numbers(rows, width))


def conv(rows: int, width: int) -> Graph:
    """A step of plain gradient descent on a convolution, an activation and a pooling."""
    x = numbers(rows, width, width, 3)
    net = (nn.Conv2D(8, 3) >> nn.relu >> nn.MaxPool2D(2)).init(mt.key(0), x)

    def step(net: Any, x: Any) -> Any:
        return mt.grad(lambda net: xp.sum(net(x) ** 2))(net)

    return of(step, net, x)


def pooled(rows: int, width: int) -> Graph:
    """A convolution that is cheaper by tiles, of which a pooling leaves the last row and column."""
    x = numbers(rows, width, width, 32)
    return of((nn.Conv2D(32, 3) >> nn.relu >> nn.MaxPool2D(2)).init(mt.key(0), x), x)


def table(rows: int, width: int) -> Graph:
    """The gradients of a table, a matrix and a bias, through products with few rows that are taken often."""
    index = xp.asarray(np.zeros(8 * rows, np.int64))

    def loss(parameters: Any, index: Any) -> Any:
        table, weight, bias = parameters
        return xp.sum(xp.tanh(xp.take(table, index, axis=0) @ weight + bias))

    return of(mt.grad(loss), (numbers(rows, width), numbers(width, width), numbers(width)), index)


def one_example(width: int, hidden: int) -> Graph:
    """Two dense layers on one example; all inputs but the last are parameters."""
    x = numbers(1, width)
    return of((nn.Dense(hidden) >> nn.relu >> nn.Dense(10)).init(mt.key(0), x), x)


def rows_of_a_table(rows: int, width: int) -> Graph:
    """A loop over rows that an index names."""
    index = xp.asarray(np.zeros(8 * rows, np.int64))

    def states(table: Any, index: Any) -> Any:
        turn = lambda state, x: (xp.tanh(state + x), state)
        return mt.scan(turn, xp.zeros(width), xp.take(table, index, axis=0))

    return of(states, numbers(rows, width), index)


GOLDEN: dict[str, Callable[[], Graph]] = {
    "softmax": lambda: softmax(16, 24),
    "layer_norm": lambda: layer_norm(16, 24),
    "batch_norm": lambda: batch_norm(16, 24),
    "cross_entropy": lambda: cross_entropy(16, 24),
    "dropout": lambda: dropout(16, 24),
    "adam": lambda: adam(16, 24),
    "dense": lambda: dense(16, 24),
    "conv": lambda: conv(8, 10),
}

# Programs that rules of `compiler/rewrites` change, with the number of inputs that are parameters.
REWRITTEN: dict[str, tuple[Callable[[], Graph], int]] = {
    "rewritten_conv": (lambda: pooled(4, 15), 0),
    "rewritten_table": (lambda: table(7, 48), 0),
    "rewritten_loop": (lambda: rows_of_a_table(7, 48), 0),
    "rewritten_dense": (lambda: one_example(64, 256), 4),
}
