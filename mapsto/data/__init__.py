"""Data sets: index ↦ (x, y). Load one by name, make one of arrays, read IDX files."""

from mapsto.data.dataset import Dataset
from mapsto.data.idx import read_idx
from mapsto.data.load import load, sample_picture

__all__ = ["Dataset", "load", "read_idx", "sample_picture"]
