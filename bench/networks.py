"""The networks that are compared, as data: layers, first weights, batches, and how much arithmetic a step is.

Everything is in mapsto's layouts: pictures [n, height, width, channels], kernels [height, width, in, out], weights
[in, out], flattened as height, width, channel. Whoever has other layouts converts once, before the clock runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Arrays = dict[str, np.ndarray]

# The rate is small on purpose; a step costs the same at any. Where two numbers of a pooling window, or a number and
# relu's 0, are closer than rounding, the gradient takes another way, and 20 steps have millions of windows: at 1e-3 one
# such place moved later losses by 4e-3, in float32 against float64, at 1e-5 by 4e-7. What the optimizer does shows in
# the weights, compared by how far they moved.
ADAM = {"rate": 1e-5, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
# At 1e-2 the same network oscillates, and rounding grows by a half with every step.
MOMENTUM = {"rate": 1e-3, "decay": 0.9}
CLASSES = 10
POOL = 24  # batches made beforehand; at least the 20 whose losses are compared
SIZE = 3  # of every kernel, without padding; pooling is over 2×2

SMALL_CNN = "conv 16, relu, pool, conv 32, relu, pool, flatten, dense 142, relu, dense 10"
CNN = "conv 32, relu, pool, conv 64, relu, pool, conv 64, relu, flatten, dense 64, relu, dense 10"
DENSE = "dense 512, relu, dense 256, relu, dense 10"
SMALL_DENSE = "dense 128, relu, dense 10"


@dataclass(frozen=True)
class Row:
    """A row of the table: a network, the extents of one example, the batch, and how it is trained (or not)."""

    name: str
    title: str
    layers: str
    example: tuple[int, ...]
    batch: int
    optimizer: str | None  # "adam", "momentum", or None: inference
    kind: str = "layers"  # one after another; what others are stands in the folder of that name

    @property
    def trains(self) -> bool:
        return self.optimizer is not None

    @property
    def pictures(self) -> bool:
        """Whether an example has a height and a width."""
        return len(self.example) == 3


ROWS = {
    row.name: row
    for row in (
        Row("cnn-128", "CNN on 32×32×3, Adam, batch 128", CNN, (32, 32, 3), 128, "adam"),
        Row("cnn-32", "CNN on 32×32×3, Adam, batch 32", CNN, (32, 32, 3), 32, "adam"),
        Row("cnn-256", "CNN on 32×32×3, Adam, batch 256", CNN, (32, 32, 3), 256, "adam"),
        Row("cnn28-128", "CNN on 28×28×1, Adam, batch 128", CNN, (28, 28, 1), 128, "adam"),
        Row("dense-64", "dense 784-512-256-10, momentum, batch 64", DENSE, (784,), 64, "momentum"),
        Row("dense-32", "dense 784-128-10, Adam, batch 32", SMALL_DENSE, (784,), 32, "adam"),
        Row("lstm", "LSTM 128 over 100 characters, Adam, batch 64", "", (100,), 64, "adam", "lstm"),
        Row("dcgan", "DCGAN on 28×28×1, both nets, Adam, batch 64", "", (28, 28, 1), 64, "adam", "dcgan"),
        Row("cnn-1", "inference, CNN on 32×32×3, batch 1", CNN, (32, 32, 3), 1, None),
        Row("dense-1", "inference, dense 784-512-256-10, batch 1", DENSE, (784,), 1, None),
    )
}
SERVED_NETS = {"cnn": ("CNN on 32×32×3", CNN, (32, 32, 3)), "small": ("small CNN on 28×28×1", SMALL_CNN, (28, 28, 1))}
SERVED = {  # what `bench.serving_peers` measures: net by net at batch 1, 8 and 64
    f"{name}-served-{batch}": Row(f"{name}-served-{batch}", f"{title}, batch {batch}", layers, example, batch, None)
    for name, (title, layers, example) in SERVED_NETS.items()
    for batch in (1, 8, 64)
}


@dataclass(frozen=True)
class Layer:
    """One layer of a row: its kind, its units if it has weights, extents before and after it, and its path."""

    kind: str  # conv, dense, relu, pool or flatten
    units: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    path: str

    @property
    def weight_shape(self) -> tuple[int, ...]:
        inside = self.before[-1]
        return (SIZE, SIZE, inside, self.units) if self.kind == "conv" else (inside, self.units)

    @property
    def multiplications(self) -> int:
        """Products of the forward pass for one example: every output adds up as many as the kernel has rows."""
        if self.kind not in PATHS:
            return 0
        return math.prod(self.after) * math.prod(self.weight_shape[:-1])


PATHS = {"conv": "conv2d", "dense": "dense"}


def extents_after(kind: str, units: int, before: tuple[int, ...]) -> tuple[int, ...]:
    """The extents of one example after a layer of this kind."""
    if kind == "conv":
        return (before[0] - SIZE + 1, before[1] - SIZE + 1, units)
    if kind == "pool":
        return (before[0] // 2, before[1] // 2, before[2])
    return {"dense": (units,), "flatten": (math.prod(before),), "relu": before}[kind]


def layers_of(row: Row) -> Iterator[Layer]:
    """A row ↦ its layers with extents and paths.

    >>> [layer.after for layer in layers_of(ROWS["cnn28-128"]) if layer.kind in ("conv", "dense")]
    [(26, 26, 32), (11, 11, 64), (3, 3, 64), (64,), (10,)]
    >>> [layer.path for layer in layers_of(ROWS["dense-32"]) if layer.path]
    ['dense_1', 'dense_2']
    """
    now, counts = row.example, dict.fromkeys(PATHS, 0)
    for words in filter(None, row.layers.split(", ")):
        kind, _, units = words.partition(" ")
        path = ""
        if kind in PATHS:
            counts[kind] += 1
            path = f"{PATHS[kind]}_{counts[kind]}"
        before, now = now, extents_after(kind, int(units or 0), now)
        yield Layer(kind, int(units or 0), before, now, path)


def first_weights(row: Row, seed: int = 0) -> Arrays:
    """A row ↦ its first weights by path, f32: He's normal law for weights, small numbers for biases.

    Biases are not 0, so that a bias left out or added twice would show in the losses.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    found: Arrays = {}
    for layer in layers_of(row):
        if layer.path:
            shape = layer.weight_shape
            spread = math.sqrt(2 / math.prod(shape[:-1]))
            found[f"{layer.path}.weight"] = (spread * rng.standard_normal(shape)).astype(np.float32)
            found[f"{layer.path}.bias"] = (0.01 * rng.standard_normal(layer.units)).astype(np.float32)
    return found


def templates(row: Row, rng: np.random.Generator) -> np.ndarray:
    """[classes, …]: a coarse random pattern for each class, patches of 4×4 pixels, or of 16 numbers in a line."""
    if not row.pictures:
        return rng.random((CLASSES, row.example[0] // 16)).repeat(16, axis=1)
    height, width, channels = row.example
    coarse = rng.random((CLASSES, -(-height // 4), -(-width // 4), channels))
    return coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :height, :width]


def batches(row: Row, seed: int = 1, pool: int = POOL) -> tuple[np.ndarray, np.ndarray]:
    """A row ↦ (pictures u8[pool, n, …], labels i64[pool, n]): the template of a class under noise.

    One label in five is wrong, so that the loss does not fall to 0 while the clock runs.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    patterns = templates(row, rng)
    shape = (pool, row.batch)
    classes = rng.integers(CLASSES, size=shape)
    images = np.empty((*shape, *row.example), np.uint8)
    for number in range(pool):
        noise = rng.random((row.batch, *row.example))
        images[number] = np.round(255 * (0.6 * patterns[classes[number]] + 0.4 * noise))
    wrong = rng.random(shape) < 0.2
    labels = np.where(wrong, rng.integers(CLASSES, size=shape), classes)
    return images, labels.astype(np.int64)


def flops(row: Row) -> int:
    """A row ↦ the floating-point operations of its convolutions and products in one step; a product and a sum are two.

    Training does each three times: forward, for the weights, for the input; the first layer's input needs no gradient.

    >>> flops(ROWS["dense-32"]) == 2 * 32 * (2 * 784 * 128 + 3 * 128 * 10)
    True
    >>> flops(ROWS["dense-1"]) == 2 * (784 * 512 + 512 * 256 + 256 * 10)
    True
    """
    counts = [layer.multiplications for layer in layers_of(row) if layer.path]
    passes = 3 * sum(counts) - counts[0] if row.trains else sum(counts)
    return 2 * row.batch * passes
