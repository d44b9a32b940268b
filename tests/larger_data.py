"""Where the larger data sets are: in the folder that MAPSTO_DATA names, or beside the repository."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
FOLDER = Path(os.environ.get("MAPSTO_DATA") or BESIDE)

needs_fashion_mnist = pytest.mark.skipif(
    not (FOLDER / "fashion-mnist").is_dir(), reason=f"no fashion-mnist in {FOLDER}; set MAPSTO_DATA"
)
