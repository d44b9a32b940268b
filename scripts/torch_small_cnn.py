"""A small CNN trained for 20 steps by PyTorch ↦ tests/stored/torch_small_cnn.npz, which test_torch_parity.py follows.

    python scripts/torch_small_cnn.py        # needs PyTorch (2.13.0 made the stored file) and NumPy, not mapsto

Everything is float64. The file holds, in mapsto's layouts (kernels [h, w, in, out], weights [in, out], flattened as
height, width, channel):

- `images` u8[128, 28, 28, 1] with 16 grey levels, `labels` i64[128], `batches` i64[20, 32] (indices into both);
- `weight/PATH`, the first weights, stored as float32 and exact so; `gradient/PATH`, of the loss of batch 0 at them;
- `momentum`, `adam`: f64[20], the loss of each batch before the step on it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

FILE = Path(__file__).resolve().parent.parent / "tests" / "stored" / "torch_small_cnn.npz"
STEPS, BATCH, IMAGES, CLASSES = 20, 32, 128, 10
FEATURES = (16, 5, 5)  # channels, height and width where the network flattens


def pictures(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A blurred random template for each class, and noise on it, in 16 levels of grey from 0 to 255."""
    coarse = rng.random((CLASSES, 7, 7))
    templates = coarse.repeat(4, axis=1).repeat(4, axis=2)
    labels = rng.integers(CLASSES, size=IMAGES)
    levels = np.round(15 * (0.6 * templates[labels] + 0.4 * rng.random((IMAGES, 28, 28))))
    return (17 * levels).astype(np.uint8)[..., None], labels.astype(np.int64)


def network() -> nn.Sequential:
    channels, height, width = FEATURES
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, channels, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(channels * height * width, 32), nn.ReLU(), nn.Linear(32, CLASSES),
    ).double()  # fmt: skip


def in_mapsto(net: nn.Sequential, tensors: list[torch.Tensor]) -> dict[str, np.ndarray]:
    """PyTorch's tensors, in the order of `net.parameters()` ↦ mapsto's arrays by path."""
    channels, height, width = FEATURES
    arrays = [tensor.detach().numpy() for tensor in tensors]
    hidden = arrays[4].reshape(-1, channels, height, width).transpose(2, 3, 1, 0)
    return {
        "conv2d_1.weight": arrays[0].transpose(2, 3, 1, 0),
        "conv2d_1.bias": arrays[1],
        "conv2d_2.weight": arrays[2].transpose(2, 3, 1, 0),
        "conv2d_2.bias": arrays[3],
        "dense_1.weight": hidden.reshape(channels * height * width, -1),
        "dense_1.bias": arrays[5],
        "dense_2.weight": arrays[6].T,
        "dense_2.bias": arrays[7],
    }


def losses(net: nn.Sequential, optimizer: torch.optim.Optimizer, batches: list[tuple[torch.Tensor, ...]]) -> np.ndarray:
    found = []
    for x, y in batches:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return np.array(found)


def main() -> None:
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    rng = np.random.Generator(np.random.PCG64(0))
    images, labels = pictures(rng)
    rows = np.stack([rng.choice(IMAGES, BATCH, replace=False) for _ in range(STEPS)])
    x = torch.from_numpy(images.astype(np.float64) / 255).permute(0, 3, 1, 2)
    y = torch.from_numpy(labels)
    batches = [(x[chosen], y[chosen]) for chosen in map(torch.from_numpy, rows)]

    net = network()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(parameter.float().double())
    start = {name: value.clone() for name, value in net.state_dict().items()}
    stored: dict[str, np.ndarray] = {"images": images, "labels": labels, "batches": rows}
    for path, array in in_mapsto(net, list(net.parameters())).items():
        stored[f"weight/{path}"] = np.ascontiguousarray(array, np.float32)

    nn.functional.cross_entropy(net(batches[0][0]), batches[0][1]).backward()
    for path, array in in_mapsto(net, [parameter.grad for parameter in net.parameters()]).items():
        stored[f"gradient/{path}"] = np.ascontiguousarray(array)

    stored["momentum"] = losses(net, torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9), batches)
    net.load_state_dict(start)
    stored["adam"] = losses(net, torch.optim.Adam(net.parameters(), lr=5e-3), batches)

    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **stored)
    print(f"PyTorch {torch.__version__}, {FILE.stat().st_size} bytes")
    for name in ("momentum", "adam"):
        print(f"{name:9} {stored[name][0]:.6f} … {stored[name][-1]:.6f}")


if __name__ == "__main__":
    main()
