"""Layers that slide or resample, by PyTorch ↦ tests/stored/torch_conv_layers.npz, for tests/nn/test_torch_conv.py.

    python scripts/torch_conv_layers.py        # needs PyTorch (2.13.0 made the stored file) and NumPy, not mapsto

Everything is float64 and in mapsto's layouts: [n, *spatial, channels], kernels [*size, channels / groups, filters]. The
file holds

- `cases`: JSON, a list of {layer, args, settings, given, found}; the last two list names and shapes in order;
- `given` i8: the inputs, weights, biases and cotangents g of all cases one after another, in eighths, so exact;
- `found` f64: y, and the gradients of Σ y·g by the input, weight and bias, one after another.

What PyTorch does not do itself is put together of what it does: "same" padding by the rule that TensorFlow states
(the output has ⌈extent / stride⌉ places, the odd zero goes after), means without padding by counting ones.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

FILE = Path(__file__).resolve().parent.parent / "tests" / "stored" / "torch_conv_layers.npz"
Settings = dict[str, Any]


def first(x: torch.Tensor) -> torch.Tensor:
    """Channels from the last place to the second."""
    return x.movedim(-1, 1)


def each(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def by_rank(name: str, rank: int) -> Any:
    return getattr(F, f"{name}{rank}d")


def same(extents: Any, size: Any, stride: Any, dilation: Any) -> list[tuple[int, int]]:
    pairs = []
    for extent, k, s, d in zip(extents, size, stride, dilation, strict=True):
        total = max((math.ceil(extent / s) - 1) * s + (k - 1) * d + 1 - extent, 0)
        pairs.append((total // 2, total - total // 2))
    return pairs


def padded(x: torch.Tensor, padding: Any, size: Any, stride: Any, dilation: Any, fill: float = 0.0) -> torch.Tensor:
    """[n, c, *spatial] with explicit numbers around."""
    rank = x.ndim - 2
    if padding == "same":
        padding = same(x.shape[2:], size, stride, dilation)
    elif padding == "valid":
        padding = 0
    pairs = [(padding, padding)] * rank if isinstance(padding, int) else padding
    return F.pad(x, [one for pair in reversed(pairs) for one in pair], value=fill)


def geometry(rank: int, size: Any, settings: Settings) -> tuple[tuple[int, ...], ...]:
    stride = settings.get("stride")
    return each(size, rank), each(1 if stride is None else stride, rank), each(settings.get("dilation", 1), rank)


def conv(rank: int, settings: Settings, filters: int, size: Any, *, x: Any, weight: Any, bias: Any) -> torch.Tensor:
    k, s, d = geometry(rank, size, settings)
    x = padded(first(x), settings.get("padding", "valid"), k, s, d)
    kernel = weight.movedim(-1, 0).movedim(-1, 1)
    return by_rank("conv", rank)(x, kernel, bias, s, 0, d, settings.get("groups", 1))


def depthwise(rank: int, settings: Settings, size: Any, *, x: Any, weight: Any, bias: Any) -> torch.Tensor:
    settings = {**settings, "groups": x.shape[-1]}
    return conv(rank, settings, weight.shape[-1], size, x=x, weight=weight, bias=bias)


def transposed(
    rank: int, settings: Settings, filters: int, size: Any, *, x: Any, weight: Any, bias: Any
) -> torch.Tensor:
    k, s, d = geometry(rank, size, settings)
    groups, padding = settings.get("groups", 1), settings.get("padding", 0)
    padding = 0 if padding == "valid" else padding
    split = weight.unflatten(-1, (groups, filters // groups))  # [*k, in / g, g, out / g]
    kernel = split.movedim(-2, 0).movedim(-2, 1).movedim(-1, 2).flatten(0, 1)
    function, given = by_rank("conv_transpose", rank), first(x)
    more = settings.get("output_padding", 0)
    if isinstance(padding, int):
        if "output_size" in settings:
            whole = function(given, kernel, None, s, padding, 0, groups, d).shape[2:]
            more = [a - b for a, b in zip(each(settings["output_size"], rank), whole, strict=True)]
        return function(given, kernel, bias, s, padding, more, groups, d)
    whole = function(given, kernel, None, s, 0, more, groups, d)
    for axis in range(rank):
        extent = given.shape[2 + axis] * s[axis]
        if "output_size" in settings:
            extent = each(settings["output_size"], rank)[axis]
        if padding == "same":
            before, _ = same([extent], k[axis : axis + 1], s[axis : axis + 1], d[axis : axis + 1])[0]
        else:
            before, after = padding[axis]
            extent = whole.shape[2 + axis] - before - after
        missing = max(before + extent - whole.shape[2 + axis], 0)
        longer = F.pad(whole.movedim(2 + axis, -1), (0, missing))
        whole = longer[..., before : before + extent].movedim(-1, 2 + axis)
    return whole + bias.view(-1, *(1,) * rank)


def max_pool(rank: int, settings: Settings, size: Any, *, x: Any) -> torch.Tensor:
    k, _, d = geometry(rank, size, settings)
    s, padding = each(settings.get("stride", k), rank), settings.get("padding", 0)
    if isinstance(padding, int):
        return by_rank("max_pool", rank)(first(x), k, s, padding, d)
    return by_rank("max_pool", rank)(padded(first(x), padding, k, s, d, -math.inf), k, s, 0, d)


def avg_pool(rank: int, settings: Settings, size: Any, *, x: Any) -> torch.Tensor:
    k = each(size, rank)
    s, padding = each(settings.get("stride", k), rank), settings.get("padding", 0)
    counted, pool = settings.get("count_padding", False), by_rank("avg_pool", rank)
    if isinstance(padding, int):
        return pool(first(x), k, s, padding, False, counted)
    mean = pool(padded(first(x), padding, k, s, each(1, rank)), k, s)
    share = pool(padded(torch.ones_like(first(x)), padding, k, s, each(1, rank)), k, s)
    return mean if counted else mean / share


def global_pool(rank: int, settings: Settings, *, x: Any, kind: str) -> torch.Tensor:
    y = by_rank(f"adaptive_{kind}_pool", rank)(first(x), 1)
    return y if settings.get("keepdims") else y.flatten(1)


def upsampling(rank: int, settings: Settings, factor: Any = None, *, x: Any) -> torch.Tensor:
    size = settings.get("size")
    if size is None:
        size = [e * f for e, f in zip(x.shape[1:-1], each(factor or 2, rank), strict=True)]
    method = settings.get("method", "nearest")
    mode, aligned = ("nearest-exact", None) if method == "nearest" else (method, False)
    return F.interpolate(first(x), each(size, rank), mode=mode, align_corners=aligned)


LAYERS: dict[str, Any] = {"DepthwiseConv2D": lambda *a, **k: depthwise(2, *a, **k)}
for n in (1, 2, 3):
    LAYERS[f"Conv{n}D"] = lambda *a, n=n, **k: conv(n, *a, **k)
    LAYERS[f"ConvTranspose{n}D"] = lambda *a, n=n, **k: transposed(n, *a, **k)
    LAYERS[f"MaxPool{n}D"] = lambda *a, n=n, **k: max_pool(n, *a, **k)
    LAYERS[f"AvgPool{n}D"] = lambda *a, n=n, **k: avg_pool(n, *a, **k)
    LAYERS[f"UpSampling{n}D"] = lambda *a, n=n, **k: upsampling(n, *a, **k)
    LAYERS[f"AdaptiveAvgPool{n}D"] = lambda s, size, n=n, *, x: by_rank("adaptive_avg_pool", n)(first(x), size)
    LAYERS[f"AdaptiveMaxPool{n}D"] = lambda s, size, n=n, *, x: by_rank("adaptive_max_pool", n)(first(x), size)
LAYERS["GlobalAvgPool"] = lambda s, *, x: global_pool(x.ndim - 2, s, x=x, kind="avg")
LAYERS["GlobalMaxPool"] = lambda s, *, x: global_pool(x.ndim - 2, s, x=x, kind="max")

# layer, its arguments, settings, the input's shape
CASES: list[tuple[str, list[Any], Settings, tuple[int, ...]]] = [
    ("Conv1D", [3, 3], {}, (2, 8, 2)),
    ("Conv1D", [4, 4], {"stride": 3, "padding": "same", "groups": 2}, (2, 11, 4)),
    ("Conv1D", [2, 3], {"dilation": 3, "padding": [[4, 1]]}, (2, 7, 3)),
    ("Conv1D", [2, 2], {"stride": 4}, (1, 11, 2)),
    ("Conv2D", [3, 3], {}, (2, 5, 6, 2)),
    ("Conv2D", [3, 3], {"stride": 2}, (2, 8, 7, 2)),
    ("Conv2D", [3, 3], {"padding": 1}, (2, 4, 5, 2)),
    ("Conv2D", [2, [2, 4]], {"padding": "same"}, (2, 4, 5, 2)),
    ("Conv2D", [2, 3], {"stride": [2, 3], "padding": "same"}, (2, 7, 7, 2)),
    ("Conv2D", [2, 3], {"stride": 2, "padding": "same"}, (1, 8, 8, 2)),
    ("Conv2D", [2, 3], {"dilation": 2, "stride": 2, "padding": "same"}, (1, 9, 8, 2)),
    ("Conv2D", [2, [3, 2]], {"dilation": [2, 3], "padding": [[0, 2], [3, 1]]}, (1, 5, 5, 2)),
    ("Conv2D", [6, 3], {"groups": 3, "stride": 2, "padding": 2}, (1, 5, 6, 3)),
    ("Conv2D", [4, 2], {"groups": 2}, (2, 4, 4, 6)),
    ("Conv2D", [2, 1], {"stride": 3}, (2, 5, 5, 2)),
    ("Conv2D", [2, 5], {"padding": "same"}, (1, 3, 3, 1)),
    ("Conv3D", [2, 2], {}, (1, 3, 4, 3, 2)),
    ("Conv3D", [2, [2, 3, 1]], {"stride": [1, 2, 2], "padding": "same", "groups": 2}, (1, 3, 4, 3, 2)),
    ("Conv3D", [1, 2], {"dilation": [1, 2, 1], "padding": [[1, 0], [0, 1], [1, 1]]}, (1, 2, 3, 2, 1)),
    ("DepthwiseConv2D", [3], {"padding": "same"}, (2, 4, 5, 3)),
    ("DepthwiseConv2D", [[2, 3]], {"multiplier": 2, "stride": 2, "dilation": [1, 2], "padding": 1}, (1, 6, 7, 2)),
    ("ConvTranspose1D", [3, 3], {}, (2, 4, 2)),
    ("ConvTranspose1D", [2, 4], {"stride": 3, "padding": 1, "output_padding": 2, "groups": 2}, (2, 4, 4)),
    ("ConvTranspose1D", [2, 3], {"stride": 2, "padding": "same", "dilation": 2}, (1, 5, 2)),
    ("ConvTranspose1D", [2, 2], {"stride": 4}, (1, 3, 2)),
    ("ConvTranspose2D", [3, 3], {}, (2, 3, 4, 2)),
    ("ConvTranspose2D", [3, 3], {"stride": 2, "padding": 1, "output_padding": 1}, (1, 3, 4, 2)),
    ("ConvTranspose2D", [2, 3], {"stride": [2, 3], "padding": 1, "output_padding": [0, 2]}, (1, 3, 3, 2)),
    ("ConvTranspose2D", [2, 2], {"stride": 3, "padding": "same"}, (1, 3, 2, 2)),
    ("ConvTranspose2D", [2, 4], {"stride": [1, 2], "padding": "same"}, (1, 3, 4, 2)),
    ("ConvTranspose2D", [4, 3], {"dilation": 2, "groups": 2, "padding": 1, "output_padding": 1}, (1, 3, 3, 4)),
    ("ConvTranspose2D", [6, [2, 3]], {"groups": 3, "stride": 2, "padding": [[1, 0], [0, 2]]}, (1, 3, 3, 3)),
    ("ConvTranspose2D", [2, 3], {"stride": 2, "padding": "same", "output_size": [7, 8]}, (1, 4, 4, 2)),
    ("ConvTranspose2D", [2, 3], {"stride": 3, "output_size": [9, 11]}, (1, 3, 3, 2)),
    ("ConvTranspose3D", [2, 2], {"stride": [1, 2, 2]}, (1, 2, 2, 3, 2)),
    ("ConvTranspose3D", [2, [2, 3, 1]], {"stride": 2, "padding": "same", "groups": 2}, (1, 2, 2, 2, 2)),
    ("ConvTranspose3D", [1, 2], {"stride": 2, "padding": 1, "output_padding": [1, 0, 1]}, (1, 2, 3, 2, 2)),
    ("MaxPool1D", [2], {}, (2, 7, 3)),
    ("MaxPool1D", [3], {"stride": 2, "padding": "same", "dilation": 2}, (2, 8, 2)),
    ("MaxPool2D", [2], {}, (2, 5, 6, 2)),
    ("MaxPool2D", [3], {"stride": 2, "padding": 1}, (2, 6, 7, 2)),
    ("MaxPool2D", [[3, 2]], {"stride": [1, 2], "padding": "same"}, (2, 5, 5, 2)),
    ("MaxPool2D", [2], {"stride": 1, "padding": [[0, 1], [1, 0]], "dilation": [2, 1]}, (2, 4, 4, 2)),
    ("MaxPool2D", [3], {"stride": 3, "dilation": 2}, (1, 9, 8, 2)),
    ("MaxPool3D", [2], {"stride": [1, 2, 2], "padding": "same"}, (1, 3, 4, 3, 2)),
    ("MaxPool3D", [[1, 3, 2]], {"padding": [[0, 0], [1, 1], [0, 1]]}, (1, 2, 5, 4, 2)),
    ("AvgPool1D", [3], {"stride": 2}, (2, 8, 2)),
    ("AvgPool1D", [3], {"stride": 2, "padding": 1}, (2, 7, 2)),
    ("AvgPool2D", [2], {}, (2, 5, 6, 2)),
    ("AvgPool2D", [3], {"stride": 2, "padding": 1}, (1, 6, 7, 2)),
    ("AvgPool2D", [3], {"stride": 2, "padding": 1, "count_padding": True}, (1, 6, 7, 2)),
    ("AvgPool2D", [[2, 3]], {"stride": 1, "padding": "same"}, (1, 4, 5, 2)),
    ("AvgPool2D", [[2, 3]], {"stride": 2, "padding": "same", "count_padding": True}, (1, 5, 5, 2)),
    ("AvgPool2D", [3], {"stride": 2, "padding": [[2, 0], [1, 2]]}, (1, 5, 4, 2)),
    ("AvgPool3D", [2], {"padding": 1}, (1, 3, 4, 2, 2)),
    ("AvgPool3D", [[1, 2, 3]], {"stride": 2, "padding": "same", "count_padding": True}, (1, 2, 4, 3, 2)),
    ("GlobalAvgPool", [], {}, (2, 5, 3)),
    ("GlobalAvgPool", [], {"keepdims": True}, (2, 3, 4, 2)),
    ("GlobalMaxPool", [], {}, (2, 3, 4, 2)),
    ("GlobalMaxPool", [], {"keepdims": True}, (2, 2, 3, 2, 2)),
    ("AdaptiveAvgPool1D", [3], {}, (2, 7, 2)),
    ("AdaptiveAvgPool2D", [[3, 2]], {}, (2, 7, 6, 2)),
    ("AdaptiveAvgPool2D", [5], {}, (1, 3, 7, 2)),
    ("AdaptiveAvgPool3D", [[1, 2, 3]], {}, (1, 2, 5, 4, 2)),
    ("AdaptiveMaxPool1D", [4], {}, (2, 6, 2)),
    ("AdaptiveMaxPool2D", [[3, 2]], {}, (2, 7, 6, 2)),
    ("AdaptiveMaxPool2D", [5], {}, (1, 3, 8, 2)),
    ("AdaptiveMaxPool3D", [[2, 3, 1]], {}, (1, 3, 4, 3, 2)),
    ("UpSampling1D", [3], {"method": "linear"}, (2, 4, 2)),
    ("UpSampling1D", [], {"size": 7}, (2, 4, 2)),
    ("UpSampling2D", [2], {}, (2, 2, 3, 2)),
    ("UpSampling2D", [[2, 3]], {"method": "bilinear"}, (2, 3, 2, 2)),
    ("UpSampling2D", [], {"size": [7, 3], "method": "bilinear"}, (1, 3, 5, 2)),
    ("UpSampling2D", [], {"size": [7, 3]}, (1, 3, 5, 2)),
    ("UpSampling3D", [[1, 2, 3]], {}, (1, 2, 2, 2, 2)),
    ("UpSampling3D", [], {"size": [3, 2, 5], "method": "trilinear"}, (1, 2, 3, 3, 2)),
]


def weight_shape(layer: str, args: list[Any], settings: Settings, x: tuple[int, ...]) -> tuple[int, ...]:
    rank = len(x) - 2
    if layer == "DepthwiseConv2D":
        return (*each(args[0], rank), 1, x[-1] * settings.get("multiplier", 1))
    return (*each(args[1], rank), x[-1] // settings.get("groups", 1), args[0])


def solved(rng: np.random.Generator, case: tuple[str, list[Any], Settings, tuple[int, ...]]) -> Any:
    """A case ↦ the numbers it is given, in eighths, and what comes of them."""
    layer, args, settings, shape = case
    shapes = {"x": shape}
    if "Conv" in layer:
        shapes["weight"] = weight_shape(layer, args, settings, shape)
        shapes["bias"] = shapes["weight"][-1:]
    given = {name: rng.integers(-24, 25, size=extents).astype(np.int8) for name, extents in shapes.items()}
    tensors = {name: torch.from_numpy(eighths / 8.0).requires_grad_() for name, eighths in given.items()}
    y = LAYERS[layer](settings, *args, **tensors)
    y = y.movedim(1, -1) if y.ndim == len(shape) else y
    given["g"] = rng.integers(-24, 25, size=tuple(y.shape)).astype(np.int8)
    y.backward(torch.from_numpy(given["g"] / 8.0))
    found = {"y": y.detach().numpy(), **{name: tensor.grad.numpy() for name, tensor in tensors.items()}}
    return given, found


def main() -> None:
    torch.use_deterministic_algorithms(True)
    rng = np.random.Generator(np.random.PCG64(0))
    cases: list[Any] = []
    given: list[np.ndarray] = []
    found: list[np.ndarray] = []
    for case in CASES:
        inputs, results = solved(rng, case)
        shapes = [{name: list(array.shape) for name, array in part.items()} for part in (inputs, results)]
        cases.append(dict(zip(("layer", "args", "settings", "given", "found"), (*case[:3], *shapes), strict=True)))
        given += [array.ravel() for array in inputs.values()]
        found += [np.ascontiguousarray(array).ravel() for array in results.values()]
    FILE.parent.mkdir(exist_ok=True)
    stored = {"given": np.concatenate(given), "found": np.concatenate(found)}
    np.savez_compressed(FILE, cases=np.array(json.dumps(cases)), **stored)
    print(f"PyTorch {torch.__version__}, {len(cases)} cases, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
