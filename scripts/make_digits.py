"""scikit-learn's copy of the UCI digits ↦ mapsto/data/digits.npz and sample_digit.png, byte for byte the same each run.

    python scripts/make_digits.py

What the files are, and whose, stands in mapsto/data/DIGITS.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from mapsto import data

FOLDER = Path(data.__file__).parent
SAMPLE = 3  # the digit in the sample picture: the first 3 of the test split
ENLARGE = 8


def main() -> None:
    values, labels = map(np.asarray, load_digits(return_X_y=True))
    # 16 · 255 / 16 = 255; NumPy rounds halves to even, so 8 ↦ 127.5 ↦ 128.
    x = np.round(values * 255 / 16).astype(np.uint8).reshape(-1, 8, 8, 1)
    np.savez_compressed(FOLDER / "digits.npz", x=x, y=labels.astype(np.uint8))

    test = data.load("digits", "test")
    digit = test.x[np.flatnonzero(test.y == SAMPLE)[0], :, :, 0]
    enlarged = np.repeat(np.repeat(digit, ENLARGE, axis=0), ENLARGE, axis=1)
    Image.fromarray(enlarged).save(FOLDER / "sample_digit.png", optimize=True)
    print(f"{len(x)} pictures, {(FOLDER / 'digits.npz').stat().st_size} bytes; {data.sample_picture()}")


if __name__ == "__main__":
    main()
