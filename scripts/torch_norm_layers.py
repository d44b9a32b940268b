"""Normalisation, embedding, PReLU and activations by PyTorch ↦ tests/stored/torch_norm_layers.npz.

    python scripts/torch_norm_layers.py      # needs PyTorch (2.13.0 made the stored file) and NumPy, not mapsto

tests/nn/test_torch_norm_layers.py follows it. Everything is float64 and in mapsto's layout, channels last. For every
layer, three steps in training mode, of gradient descent with rate 0.1 on Σ y·g:

- `NAME/x`, `NAME/g`: i8[3, …], inputs and weights of the outputs, in 32nds; `NAME/x` of an embedding is whole numbers;
- `NAME/start/PATH`: i8[…], the first parameters, in 32nds;
- `NAME/y`, `NAME/slope/x`, `NAME/slope/PATH`: f64[3, …], outputs and gradients of the three steps;
- `NAME/state/PATH`: f64[3, …], running statistics after each step; `NAME/evaluated`: f64[…], x[0] after all of them.

For every activation, `NAME/y` and `NAME/slope`: f64[…] at `points`, which hold the kinks; for those that mix features,
`NAME/y` and `NAME/slope/x` at `rows` with the weights `rows/g`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

FILE = Path(__file__).resolve().parent.parent / "tests" / "stored" / "torch_norm_layers.npz"
STEPS, RATE, UNIT = 3, 0.1, 32
PATHS = {"weight": "scale", "bias": "shift", "running_mean": "mean", "running_var": "variance"}

# Name, layer, shape of the input (channels last), other names of its parameters.
LAYERS: list[tuple[str, nn.Module, tuple[int, ...], dict[str, str]]] = [
    ("batch_norm", nn.BatchNorm1d(5), (8, 5), {}),
    ("batch_norm_image", nn.BatchNorm2d(3), (4, 3, 2, 3), {}),
    ("batch_norm_settings", nn.BatchNorm1d(4, eps=1e-3, momentum=0.3), (3, 6, 4), {}),
    ("batch_norm_plain", nn.BatchNorm2d(3, affine=False), (2, 3, 3, 3), {}),
    ("layer_norm", nn.LayerNorm(6), (4, 3, 6), {}),
    ("layer_norm_axes", nn.LayerNorm((3, 4), eps=1e-3), (4, 3, 4), {}),
    ("layer_norm_plain", nn.LayerNorm(6, elementwise_affine=False), (4, 6), {}),
    ("layer_norm_scale", nn.LayerNorm(6, bias=False), (4, 6), {}),
    ("group_norm", nn.GroupNorm(2, 6), (3, 2, 2, 6), {}),
    ("group_norm_rows", nn.GroupNorm(3, 6, eps=1e-3), (4, 6), {}),
    ("group_norm_plain", nn.GroupNorm(1, 4, affine=False), (2, 5, 4), {}),
    ("instance_norm", nn.InstanceNorm2d(4, affine=True), (3, 3, 2, 4), {}),
    ("instance_norm_plain", nn.InstanceNorm1d(4, eps=1e-3), (3, 5, 4), {}),
    ("rms_norm", nn.RMSNorm(6, eps=1e-6), (4, 3, 6), {}),
    ("rms_norm_axes", nn.RMSNorm((3, 4), eps=1e-3), (4, 3, 4), {}),
    ("rms_norm_plain", nn.RMSNorm(6, eps=1e-6, elementwise_affine=False), (4, 6), {}),
    ("prelu", nn.PReLU(4), (3, 5, 4), {"weight": "slope"}),
    ("prelu_shared", nn.PReLU(), (3, 5, 4), {"weight": "slope"}),
    ("embedding", nn.Embedding(7, 3), (4, 5), {"weight": "weight"}),
    ("embedding_padding", nn.Embedding(7, 3, padding_idx=2), (4, 5), {"weight": "weight"}),
]  # fmt: skip
CHANNELS_IN_FRONT = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.PReLU)

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": functional.relu,
    "relu6": functional.relu6,
    "leaky_relu": functional.leaky_relu,
    "leaky_relu(slope=0.25)": lambda x: functional.leaky_relu(x, 0.25),
    "elu": functional.elu,
    "elu(alpha=0.5)": lambda x: functional.elu(x, 0.5),
    "selu": functional.selu,
    "celu": functional.celu,
    "celu(alpha=2.0)": lambda x: functional.celu(x, 2.0),
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "mish": functional.mish,
    "softplus": lambda x: functional.softplus(x, threshold=1e9),  # or it would be cut off at 20
    "softsign": functional.softsign,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": functional.logsigmoid,
    # hardsigmoid's own derivative is 1/6 rounded to float32
    "hard_sigmoid": lambda x: functional.relu6(x + 3) / 6,
    "tanh": torch.tanh,
    "hard_tanh": functional.hardtanh,
    "hard_swish": functional.hardswish,
}
MIXING: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "softmax": lambda x: functional.softmax(x, -1),
    "softmax(axis=1)": lambda x: functional.softmax(x, 1),
    "log_softmax": lambda x: functional.log_softmax(x, -1),
    "glu": functional.glu,
    "glu(axis=1)": lambda x: functional.glu(x, 1),
}


def small(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random 32nds between −3 and 3, as whole numbers of them. None is 0, where some functions have kinks."""
    return (rng.integers(1, 97, shape) * rng.choice([-1, 1], shape)).astype(np.int8)


def number(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float64) / UNIT)


def applied(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The layer on an input with channels last."""
    if isinstance(layer, CHANNELS_IN_FRONT) and x.ndim > 2:
        return layer(x.movedim(-1, 1)).movedim(1, -1)
    return layer(x)


def layer_figures(rng: np.random.Generator, layer: nn.Module, shape: tuple[int, ...], names: dict[str, str]) -> dict:
    layer = layer.double().train()
    paths = {**PATHS, **names}
    embedding = isinstance(layer, nn.Embedding)
    x = rng.integers(0, 7, (STEPS, *shape)).astype(np.int8) if embedding else small(rng, (STEPS, *shape))
    out = (*shape, layer.embedding_dim) if embedding else shape
    found: dict[str, list | np.ndarray] = {"x": x, "g": small(rng, (STEPS, *out)), "y": []}
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            start = small(rng, tuple(parameter.shape))
            if embedding and layer.padding_idx is not None:
                start[layer.padding_idx] = 0
            parameter.copy_(number(start))
            shared = isinstance(layer, nn.PReLU) and parameter.numel() == 1  # PyTorch has f64[1], we f64[]
            found[f"start/{paths[name]}"] = start.reshape(()) if shared else start
    for step in range(STEPS):
        given = torch.from_numpy(x[step].astype(np.int64)) if embedding else number(x[step]).requires_grad_()
        y = applied(layer, given)
        layer.zero_grad()
        (y * number(found["g"][step])).sum().backward()
        found["y"].append(y.detach().numpy())
        if not embedding:
            found.setdefault("slope/x", []).append(given.grad.numpy())
        for name, parameter in layer.named_parameters():
            slope = parameter.grad.numpy().reshape(np.shape(found[f"start/{paths[name]}"])).copy()
            found.setdefault(f"slope/{paths[name]}", []).append(slope)
            with torch.no_grad():
                parameter -= RATE * parameter.grad
        for name, value in layer.named_buffers():
            if name in paths:
                found.setdefault(f"state/{paths[name]}", []).append(value.numpy().copy())
    layer.eval()
    given = torch.from_numpy(x[0].astype(np.int64)) if embedding else number(x[0])
    found["evaluated"] = applied(layer, given).detach().numpy()
    return {name: np.array(value, order="C") for name, value in found.items()}


def main() -> None:
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    rng = np.random.Generator(np.random.PCG64(0))
    stored: dict[str, np.ndarray] = {}
    for name, layer, shape, names in LAYERS:
        stored.update({f"{name}/{part}": array for part, array in layer_figures(rng, layer, shape, names).items()})

    stored["points"] = np.arange(-10 * UNIT, 10 * UNIT + 1, 4).astype(np.int16)
    for name, function in ACTIVATIONS.items():
        x = number(stored["points"]).requires_grad_()
        y = function(x)
        y.sum().backward()
        stored[f"{name}/y"], stored[f"{name}/slope"] = y.detach().numpy(), x.grad.numpy()
    stored["rows"] = small(rng, (3, 4, 6))
    stored["rows/g"] = small(rng, (3, 4, 6))
    for name, function in MIXING.items():
        x = number(stored["rows"]).requires_grad_()
        y = function(x)
        weights = number(stored["rows/g"])[tuple(slice(extent) for extent in y.shape)]
        (y * weights).sum().backward()
        stored[f"{name}/y"], stored[f"{name}/slope/x"] = y.detach().numpy(), x.grad.numpy()

    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **stored)
    print(f"PyTorch {torch.__version__}, {len(stored)} arrays, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
