"""RNN, LSTM and GRU by PyTorch ↦ tests/stored/torch_recurrent.npz.

    python scripts/torch_recurrent.py      # needs PyTorch (2.13.0 made the stored file) and NumPy, not mapsto

tests/nn/test_torch_recurrent.py follows it. Everything is float64 and in mapsto's layout: [in, gates · units], one
bias. PyTorch has a second one, of the product with h, which adds the same; it is held at 0 but where GRU multiplies it
by r. For every layer, three steps of gradient descent with rate 0.1 on Σ y·g + Σ last state · k:

- `NAME/x`, `NAME/g`, `NAME/k`: i8[3, …], inputs, weights of the outputs and of the last states, in 32nds;
- `NAME/start/PATH`: i8[…], the first parameters, in 64ths; `NAME/lengths`: i64[n], where sequences are packed;
- `NAME/state`: i8[s, n, units], the state at the beginning, in 32nds, if one is given;
- `NAME/y`, `NAME/last`, `NAME/slope/x`, `NAME/slope/state`, `NAME/slope/PATH`: f64[3, …], of the three steps.

States are [s, n, units] with s = h of every layer and direction, then c of every one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FILE = Path(__file__).resolve().parent.parent / "tests" / "stored" / "torch_recurrent.npz"
STEPS, RATE = 3, 0.1
COUNT, TIME, FEATURES, UNITS = 3, 4, 2, 3
LENGTHS = [4, 1, 3]

# Name, class, settings, whether lengths and whether a first state is given.
LAYERS: list[tuple[str, type[nn.RNNBase], dict[str, Any], bool, bool]] = [
    ("rnn", nn.RNN, {}, False, False),
    ("rnn_relu", nn.RNN, {"nonlinearity": "relu"}, False, False),
    ("lstm", nn.LSTM, {}, False, False),
    ("gru", nn.GRU, {}, False, False),
    ("lstm_plain", nn.LSTM, {"bias": False}, False, False),
    ("gru_plain", nn.GRU, {"bias": False}, False, False),
    ("rnn_state", nn.RNN, {}, False, True),
    ("lstm_state", nn.LSTM, {}, False, True),
    ("gru_state", nn.GRU, {}, False, True),
    ("rnn_both", nn.RNN, {"bidirectional": True}, False, False),
    ("lstm_both", nn.LSTM, {"bidirectional": True}, False, False),
    ("gru_both", nn.GRU, {"bidirectional": True}, False, False),
    ("rnn_lengths", nn.RNN, {}, True, False),
    ("lstm_lengths", nn.LSTM, {}, True, False),
    ("gru_lengths", nn.GRU, {}, True, False),
    ("rnn_all", nn.RNN, {"bidirectional": True, "num_layers": 2}, True, True),
    ("lstm_all", nn.LSTM, {"bidirectional": True, "num_layers": 2}, True, True),
    ("gru_all", nn.GRU, {"bidirectional": True, "num_layers": 2}, True, True),
]


def small(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random whole numbers from −64 to 64 without 0."""
    return (rng.integers(1, 65, shape) * rng.choice([-1, 1], shape)).astype(np.int8)


def number(array: np.ndarray, unit: int = 32) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float64) / unit)


def ends(layer: nn.RNNBase) -> list[tuple[str, str]]:
    """How PyTorch's names end for every layer and direction, and how the paths begin here."""
    pairs = []
    for i in range(layer.num_layers):
        pairs.append((f"_l{i}", f"forward.{i}"))
        if layer.bidirectional:
            pairs.append((f"_l{i}_reverse", f"backward.{i}"))
    return pairs


def leaves(layer: nn.RNNBase, of: str) -> dict[str, np.ndarray]:
    """The parameters, or with `of="grad"` their gradients, by path and in the layout here."""
    found = {}
    for end, path in ends(layer):
        has = {name: getattr(layer, f"{name}{end}") for name in ("weight_ih", "weight_hh")}
        if layer.bias:
            has |= {name: getattr(layer, f"{name}{end}") for name in ("bias_ih", "bias_hh")}
        arrays = {name: (p if of == "data" else p.grad).detach().numpy() for name, p in has.items()}
        found[f"{path}.weight"], found[f"{path}.recurrent"] = arrays["weight_ih"].T, arrays["weight_hh"].T
        if layer.bias:
            found[f"{path}.bias"] = arrays["bias_ih"]
        if layer.bias and isinstance(layer, nn.GRU):
            found[f"{path}.recurrent_bias"] = arrays["bias_hh"][2 * UNITS :]
    return {path: array.copy() for path, array in found.items()}


def start(rng: np.random.Generator, layer: nn.RNNBase) -> None:
    """Set the parameters to 64ths, and what is no parameter here to 0."""
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.copy_(number(small(rng, tuple(parameter.shape)), 64))
            if name.startswith("bias_hh"):
                parameter[: 2 * UNITS if isinstance(layer, nn.GRU) else None] = 0


def descend(layer: nn.RNNBase) -> None:
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            moved = parameter - RATE * parameter.grad
            if name.startswith("bias_hh"):
                moved[: 2 * UNITS if isinstance(layer, nn.GRU) else None] = 0
            parameter.copy_(moved)


def run(layer: nn.RNNBase, x: torch.Tensor, packed: bool, state: torch.Tensor | None) -> tuple[Any, torch.Tensor]:
    """Outputs [n, time, features] and the last state [s, n, units]."""
    begin = state
    if state is not None and isinstance(layer, nn.LSTM):
        begin = tuple(half.contiguous() for half in state.chunk(2))
    given = pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False) if packed else x
    y, last = layer(given, begin)
    if packed:
        y = pad_packed_sequence(y, batch_first=True, total_length=TIME)[0]
    return y, torch.cat(last) if isinstance(last, tuple) else last


def figures(rng: np.random.Generator, layer: nn.RNNBase, packed: bool, has_state: bool) -> dict[str, np.ndarray]:
    layer = layer.double()
    start(rng, layer)
    ways = layer.num_layers * (1 + layer.bidirectional)
    states = (ways * (2 if isinstance(layer, nn.LSTM) else 1), COUNT, UNITS)
    found: dict[str, Any] = {
        "x": small(rng, (STEPS, COUNT, TIME, FEATURES)),
        "g": small(rng, (STEPS, COUNT, TIME, UNITS * (1 + layer.bidirectional))),
        "k": small(rng, (STEPS, *states)),
    }
    found |= {f"start/{path}": np.round(64 * array).astype(np.int8) for path, array in leaves(layer, "data").items()}
    if packed:
        found["lengths"] = np.array(LENGTHS)
    if has_state:
        found["state"] = small(rng, states)
    for step in range(STEPS):
        x = number(found["x"][step]).requires_grad_()
        state = number(found["state"]).requires_grad_() if has_state else None
        layer.zero_grad()
        y, last = run(layer, x, packed, state)
        ((y * number(found["g"][step])).sum() + (last * number(found["k"][step])).sum()).backward()
        made = {"y": y.detach().numpy(), "last": last.detach().numpy(), "slope/x": x.grad.numpy()}
        if state is not None:
            made["slope/state"] = state.grad.numpy()
        made |= {f"slope/{path}": array for path, array in leaves(layer, "grad").items()}
        for name, array in made.items():
            found.setdefault(name, []).append(array.copy())
        descend(layer)
    return {name: np.array(value, order="C") for name, value in found.items()}


def main() -> None:
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    rng = np.random.Generator(np.random.PCG64(0))
    stored: dict[str, np.ndarray] = {}
    for name, kind, settings, packed, has_state in LAYERS:
        layer = kind(FEATURES, UNITS, batch_first=True, **settings)
        stored |= {f"{name}/{part}": array for part, array in figures(rng, layer, packed, has_state).items()}
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **stored)
    print(f"PyTorch {torch.__version__}, {len(stored)} arrays, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
