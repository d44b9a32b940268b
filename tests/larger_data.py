"""Where the larger data sets are: in the folder that MAPSTO_DATA names, or beside the repository."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
FOLDER = Path(os.environ.get("MAPSTO_DATA") or BESIDE)


def needs(folder: str) -> pytest.MarkDecorator:
    """Skip a test where a data set's folder is missing."""
    return pytest.mark.skipif(not (FOLDER / folder).is_dir(), reason=f"no {folder} in {FOLDER}; set MAPSTO_DATA")
