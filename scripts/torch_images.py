"""Makes tests/stored/images.npz: pictures resized by PyTorch, in float64, for tests/image/test_mappings.py.

Run with a Python that has PyTorch: `python scripts/torch_images.py`. The inputs are made anew by the test, from the
seed; only PyTorch's results are stored.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

SIZES = [(4, 5), (7, 9), (14, 18), (3, 20), (1, 1), (13, 2)]
METHODS = {
    "bilinear": {"mode": "bilinear", "align_corners": False},
    "antialias": {"mode": "bilinear", "align_corners": False, "antialias": True},
    "nearest": {"mode": "nearest-exact"},
}


def picture() -> np.ndarray:
    """f64[2, 7, 9, 3], values with eight bits."""
    return np.random.Generator(np.random.PCG64(0)).integers(0, 256, (2, 7, 9, 3)).astype(np.float64)


def main() -> None:
    x = torch.from_numpy(picture()).permute(0, 3, 1, 2)
    found = {
        f"{name}_{height}_{width}": interpolate(x, size=(height, width), **options).permute(0, 2, 3, 1).numpy()
        for name, options in METHODS.items()
        for height, width in SIZES
    }
    np.savez_compressed(Path(__file__).parents[1] / "tests" / "stored" / "images.npz", **found)
    print(f"{len(found)} results of PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
