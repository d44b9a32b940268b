"""Normalisation, embedding, PReLU and activations equal PyTorch's in float64, to 1e-10.

The stored numbers were made by scripts/torch_norm_layers.py.
"""

from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from tests.nn.stored import close, part

FILE = Path(__file__).parent.parent / "stored" / "torch_norm_layers.npz"
STORED = dict(np.load(FILE))
UNIT, RATE, STEPS = 32, 0.1, 3

LAYERS = {
    "batch_norm": nn.BatchNorm(),
    "batch_norm_image": nn.BatchNorm(),
    "batch_norm_settings": nn.BatchNorm(epsilon=1e-3, momentum=0.7),
    "batch_norm_plain": nn.BatchNorm(scale=False, shift=False),
    "layer_norm": nn.LayerNorm(),
    "layer_norm_axes": nn.LayerNorm((1, -1), epsilon=1e-3),
    "layer_norm_plain": nn.LayerNorm(scale=False, shift=False),
    "layer_norm_scale": nn.LayerNorm(shift=False),
    "group_norm": nn.GroupNorm(2),
    "group_norm_rows": nn.GroupNorm(3, epsilon=1e-3),
    "group_norm_plain": nn.GroupNorm(1, scale=False, shift=False),
    "instance_norm": nn.InstanceNorm(),
    "instance_norm_plain": nn.InstanceNorm(epsilon=1e-3, scale=False, shift=False),
    "rms_norm": nn.RMSNorm(),
    "rms_norm_axes": nn.RMSNorm((1, 2), epsilon=1e-3),
    "rms_norm_plain": nn.RMSNorm(scale=False),
    "prelu": nn.PReLU(),
    "prelu_shared": nn.PReLU(shared=True),
    "embedding": nn.Embedding(7, 3),
    "embedding_padding": nn.Embedding(7, 3, padding=2),
}
ACTIVATIONS = {
    "leaky_relu(slope=0.25)": nn.leaky_relu(slope=0.25),
    "elu(alpha=0.5)": nn.elu(alpha=0.5),
    "celu(alpha=2.0)": nn.celu(alpha=2.0),
    **{
        name: getattr(nn, name)
        for name in """relu relu6 leaky_relu elu selu celu gelu gelu_tanh silu mish softplus softsign sigmoid
        log_sigmoid hard_sigmoid tanh hard_tanh hard_swish""".split()
    },
}
MIXING = {
    "softmax": nn.softmax,
    "softmax(axis=1)": nn.softmax(axis=1),
    "log_softmax": nn.log_softmax,
    "glu": nn.glu,
    "glu(axis=1)": nn.glu(axis=1),
}


def number(array):
    return np.asarray(array.astype(np.float64) / UNIT)


def test_the_stored_file_is_small_and_all_of_it_is_used():
    assert FILE.stat().st_size < 300_000
    names = {path.split("/")[0] for path in STORED}
    assert names == {*LAYERS, *ACTIVATIONS, *MIXING, "points", "rows"}


def objective(net, x, g):
    y, net = mt.training(net)(mt.key(0), x)
    return xp.sum(y * g), (y, net)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", LAYERS)
def test_three_steps_of_a_layer(name, compiled):
    layer, x, g = LAYERS[name], STORED[f"{name}/x"], number(STORED[f"{name}/g"])
    whole = isinstance(layer, nn.Embedding)
    x = x.astype(np.int64) if whole else number(x)
    net = layer.cast(xp.float64).init(mt.key(0), xp.asarray(x[0]))
    net = mt.replace(net, {path: number(array) for path, array in part(STORED, name, "start").items()})
    assert set(mt.parameters(net)) == set(part(STORED, name, "start"))
    slopes_of = mt.value_and_grad(objective, argnums=0 if whole else (0, 1), aux=True)
    slopes_of = mt.compile(slopes_of) if compiled else slopes_of
    for step in range(STEPS):
        (_, (y, moved)), slopes = slopes_of(net, xp.asarray(x[step]), xp.asarray(g[step]))
        close(y, STORED[f"{name}/y"][step], f"y, step {step}")
        if not whole:
            close(slopes[1], STORED[f"{name}/slope/x"][step], f"gradient of x, step {step}")
        slope = slopes if whole else slopes[0]
        updated = {}
        for path, wanted in part(STORED, name, "slope").items():
            if path != "x":
                close(getattr(slope, path), wanted[step], f"gradient of {path}, step {step}")
                updated[path] = getattr(net, path) - RATE * getattr(slope, path)
        for path, wanted in part(STORED, name, "state").items():
            close(getattr(moved, path), wanted[step], f"{path}, step {step}")
        net = mt.replace(moved, updated)
    close(net(xp.asarray(x[0])), STORED[f"{name}/evaluated"])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_and_its_derivative_also_at_kinks(name):
    x = xp.asarray(number(STORED["points"]))
    close(ACTIVATIONS[name](x), STORED[f"{name}/y"])
    close(mt.grad(lambda x: xp.sum(ACTIVATIONS[name](x)))(x), STORED[f"{name}/slope"])


@pytest.mark.parametrize("name", MIXING)
def test_an_activation_that_mixes_features(name):
    x, g = xp.asarray(number(STORED["rows"])), number(STORED["rows/g"])
    y = MIXING[name](x)
    close(y, STORED[f"{name}/y"])
    g = g[tuple(slice(extent) for extent in y.shape)]
    close(mt.grad(lambda x: xp.sum(MIXING[name](x) * g))(x), STORED[f"{name}/slope/x"])
