"""Data sets: index ↦ sample. Load one by name, make one of files, arrays or a function, and compose them."""

from typing import TYPE_CHECKING

from mapsto.core.names import answering
from mapsto.data.arrays import from_arrays
from mapsto.data.cifar import read_cifar
from mapsto.data.csv import from_csv
from mapsto.data.dataset import Dataset
from mapsto.data.folder import from_folder
from mapsto.data.idx import read_idx
from mapsto.data.load import load, sample_picture
from mapsto.data.npy import from_npy, from_npz
from mapsto.data.samples import Samples
from mapsto.data.words import from_function

__all__ = [
    "Dataset",
    "Samples",
    "from_arrays",
    "from_csv",
    "from_folder",
    "from_function",
    "from_npy",
    "from_npz",
    "load",
    "read_cifar",
    "read_idx",
    "sample_picture",
]

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto.data")
