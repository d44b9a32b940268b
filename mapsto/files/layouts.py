"""How Keras and PyTorch call and lay out the arrays of a layer: one table, layer by layer.

Every turn maps their array to ours. Ours stand in Keras's axes nearly everywhere: [*window, in, out].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from mapsto.compose.mapping import Mapping
from mapsto.files.stored import Numbers

Turn = Callable[[Numbers, Mapping], Numbers]


def as_it_is(array: Numbers, layer: Mapping) -> Numbers:
    return array


def turned(axes: tuple[int, ...], array: Numbers, layer: Mapping) -> Numbers:
    return array.transpose(axes)


def window_last_to_first(array: Numbers, layer: Mapping) -> Numbers:
    """PyTorch's convolution: [out, in / groups, *window] ↦ [*window, in / groups, out]."""
    return array.transpose((*range(2, array.ndim), 1, 0))


def transposed_convolution(array: Numbers, layer: Mapping) -> Numbers:
    """PyTorch's transposed convolution: [in, out / groups, *window] ↦ [*window, in / groups, out].

    Its groups stand behind one another along the input, ours along the output.
    """
    groups = vars(layer)["groups"]
    channels, filters, *window = array.shape
    split = array.reshape(groups, channels // groups, filters, *window)
    moved = split.transpose((*range(3, split.ndim), 1, 0, 2))
    return moved.reshape(*window, channels // groups, groups * filters)


def depthwise(array: Numbers, layer: Mapping) -> Numbers:
    """Keras's depthwise convolution: [*window, c, multiplier] ↦ [*window, 1, c · multiplier]."""
    *window, channels, multiplier = array.shape
    return array.reshape(*window, 1, channels * multiplier)


def as_shaped(array: Numbers, layer: Mapping) -> Numbers:
    """As many numbers in the shape that the layer has: one slope is [1] there and [] here."""
    return array.reshape(vars(layer)["slope"].shape)


@dataclass(frozen=True)
class Named:
    """A leaf of a layer here, and what Keras and PyTorch have in its place."""

    ours: str
    keras: str
    pytorch: str
    from_keras: Turn = as_it_is
    from_pytorch: Turn = as_it_is


@dataclass(frozen=True)
class Known:
    """A layer: its class in Keras as files write it, and its leaves in the order in which Keras numbers them."""

    keras: str
    leaves: tuple[Named, ...]


BIAS = Named("bias", "bias", "bias")
SCALE, SHIFT = Named("scale", "gamma", "weight"), Named("shift", "beta", "bias")

# Of these layers, files/recurrent.py turns the arrays of others beforehand.
RECURRENT = tuple(Named(name, name, name) for name in ("weight", "recurrent", "bias", "recurrent_bias"))


def weighted(keras: str, from_pytorch: Turn, from_keras: Turn = as_it_is, kernel: str = "kernel") -> Known:
    """A layer with a kernel and a bias."""
    return Known(keras, (Named("weight", kernel, "weight", from_keras, from_pytorch), BIAS))


def across(rank: int) -> Turn:
    """Keras's transposed convolution: [*window, out, in] ↦ [*window, in, out]."""
    return partial(turned, (*range(rank), rank + 1, rank))


LAYERS: dict[str, Known] = {
    "Dense": weighted("dense", partial(turned, (1, 0))),
    **{f"Conv{n}D": weighted(f"conv{n}d", window_last_to_first) for n in (1, 2, 3)},
    **{f"ConvTranspose{n}D": weighted(f"conv{n}d_transpose", transposed_convolution, across(n)) for n in (1, 2, 3)},
    "DepthwiseConv2D": weighted("depthwise_conv2d", window_last_to_first, depthwise),
    "BatchNorm": Known(
        "batch_normalization",
        (
            SCALE,
            SHIFT,
            Named("mean", "moving_mean", "running_mean"),
            Named("variance", "moving_variance", "running_var"),
        ),
    ),
    "LayerNorm": Known("layer_normalization", (SCALE, SHIFT)),
    "RMSNorm": Known("rms_normalization", (Named("scale", "scale", "weight"),)),
    "GroupNorm": Known("group_normalization", (SCALE, SHIFT)),
    "InstanceNorm": Known("instance_normalization", (SCALE, SHIFT)),
    "Embedding": Known("embedding", (Named("weight", "embeddings", "weight"),)),
    "RNNWay": Known("simple_rnn", RECURRENT),
    "LSTMWay": Known("lstm", RECURRENT),
    "GRUWay": Known("gru", RECURRENT),
    "PReLU": Known("p_re_lu", (Named("slope", "alpha", "weight", as_shaped, as_shaped),)),
}


KERAS_CLASSES = {"bidirectional", *(known.keras for known in LAYERS.values())}


def class_of(name: str) -> str:
    """The class that a name of Keras's making says, `conv2d_3` ↦ "conv2d"; empty for a name that somebody gave."""
    stem, _, number = name.rpartition("_")
    return next((one for one in (stem if number.isdigit() else name, name) if one in KERAS_CLASSES), "")


def flattened_rows(array: Numbers, seen: tuple[int, ...]) -> Numbers:
    """The first axis, over numbers that PyTorch flattened from [c, *places], in the order of [*places, c].

    `seen` is the shape that is flattened here, [*places, c].
    """
    *places, channels = seen
    order = np.arange(array.shape[0]).reshape(channels, *places)
    return array[np.moveaxis(order, 0, -1).reshape(-1)]
