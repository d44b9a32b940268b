"""The arrays of recurrent layers of PyTorch and Keras ↦ those of RNN, LSTM and GRU here.

Both have W for the inputs and U for h, [gates · units, in] in PyTorch and [in, gates · units] in Keras as here. PyTorch
has two biases, which are added up; of GRU's second one the candidate's part stays apart, `recurrent_bias`. LSTM's gates
come in one order everywhere, GRU's are r, z, g in PyTorch and here, and z, r, g in Keras.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np

from mapsto.files.stored import Module, Numbers, Stored

Arrays = dict[str, Stored]
PYTORCH = re.compile(r"(weight_ih|weight_hh|bias_ih|bias_hh)_l(\d{1,4})(_reverse)?")
KERAS = ("kernel", "recurrent_kernel", "bias")
CELLS = {"lstm_cell": "lstm", "gru_cell": "gru", "simple_rnn_cell": "simple_rnn"}
WAY = re.compile(r"(.*?)\.?(forward|backward)\.(\d+)")
BOTH = " both"  # behind the class of a layer that reads in two directions


def owner(path: str) -> str:
    """`encoder.lstm_1.forward.0` ↦ `encoder.lstm_1`; paths of other layers stay as they are."""
    found = WAY.fullmatch(path)
    return found[1] if found else path


def way_path(path: str, backwards: bool, number: int = 0) -> str:
    """A recurrent layer's path ↦ the path of one of its layers in one direction."""
    return f"{path}.{'backward' if backwards else 'forward'}.{number}".removeprefix(".")


def changed(like: Stored, shape: tuple[int, ...], change: Callable[[], Numbers]) -> Stored:
    """An array made of others when it is read."""
    return Stored(like.dtype, shape, change)


def pytorch_modules(path: str, arrays: Arrays) -> list[Module]:
    """A module of PyTorch's ↦ itself, or if it is recurrent, a module for every layer and direction."""
    found: dict[tuple[int, bool], Arrays] = {}
    for name, array in arrays.items():
        match = PYTORCH.fullmatch(name)
        if match is None:
            return [Module(path, arrays)]
        found.setdefault((int(match[2]), match[3] is not None), {})[match[1]] = array
    made = [(key, from_pytorch(found[key])) for key in sorted(found)]
    if any(own is None for _, own in made):
        return [Module(path, arrays)]
    return [Module(way_path(path, backwards, number), own or {}) for (number, backwards), own in made]


def from_pytorch(arrays: Arrays) -> Arrays | None:
    """One layer in one direction in the layout here; None if that is no such layer."""
    weight, recurrent = arrays.get("weight_ih"), arrays.get("weight_hh")
    biases = [arrays[name] for name in ("bias_ih", "bias_hh") if name in arrays]
    if weight is None or recurrent is None or len(weight.shape) != 2 or len(recurrent.shape) != 2:
        return None
    width, units = recurrent.shape
    if not units or width % units or len(biases) == 1 or any(one.shape != (width,) for one in biases):
        return None
    made = {
        "weight": changed(weight, weight.shape[::-1], lambda: weight.read().T),
        "recurrent": changed(recurrent, recurrent.shape[::-1], lambda: recurrent.read().T),
    }
    return made | (biases_of(biases[0], biases[1], width // units) if biases else {})


def biases_of(given: Stored, seen: Stored, gates: int) -> Arrays:
    """The biases of inputs and of h, gates in the order here ↦ the one here, and GRU's second one."""
    width = given.shape[0]
    if gates != 3:
        return {"bias": changed(given, (width,), lambda: given.read() + seen.read())}
    units = width // gates

    def first() -> Numbers:
        added = np.array(seen.read())
        added[2 * units :] = 0
        return given.read() + added

    return {
        "bias": changed(given, (width,), first),
        "recurrent_bias": changed(seen, (units,), lambda: seen.read()[2 * units :]),
    }


def keras_module(path: str, arrays: Arrays, cell: str, both: bool, backwards: bool, also: str) -> Module:
    """The cell of a recurrent layer of Keras's ↦ the layer in its direction.

    `cell` is its class, `both` says whether `Bidirectional` stood around it, `also` how somebody called the layer.
    """
    kind = CELLS[cell]
    named = {KERAS[int(name)] if name in ("0", "1", "2") else name: array for name, array in arrays.items()}
    ours = {"kernel": "weight", "recurrent_kernel": "recurrent", "bias": "bias"}
    made = {ours.get(name, name): array for name, array in named.items()}
    if kind == "gru":
        made = from_keras_gru(made)
    others = (way_path(also, backwards),) if also else ()
    return Module(way_path(path, backwards), made, others, kind + (BOTH if both else ""))


def from_keras_gru(arrays: Arrays) -> Arrays:
    """GRU's arrays with their gates in the order here; as they are where they are no such arrays."""
    if any(not array.shape or array.shape[-1] % 3 for array in arrays.values()):
        return arrays
    bias = arrays.get("bias")
    made = {name: changed(array, array.shape, exchanged(array)) for name, array in arrays.items() if array is not bias}
    if bias is None:
        return made
    if len(bias.shape) != 2 or bias.shape[0] != 2:  # reset_after=False, which is another layer
        return {**made, "bias": bias}
    turn = exchanged(bias)
    given, seen = (changed(bias, bias.shape[1:], lambda i=i: turn()[i]) for i in range(2))
    return made | biases_of(given, seen, 3)


def exchanged(array: Stored) -> Callable[[], Numbers]:
    """How an array is read whose last axis has z, r, g: as r, z, g."""

    def read() -> Numbers:
        z, r, g = np.split(array.read(), 3, axis=-1)
        return np.concatenate([r, z, g], axis=-1)

    return read


def cell_of(parts: tuple[str, ...]) -> Iterator[str]:
    """The class of Keras's cell that a name says, `lstm_cell_3` ↦ "lstm_cell", if one of the names does."""
    for part in reversed(parts):
        stem = re.sub(r"_\d+$", "", part)
        if stem in CELLS:
            yield stem
