"""Floor 8: one safe file that holds the whole way from raw input to answer. No pickle, no code."""

from mapsto.files.answer import Answer, load
from mapsto.files.contents import Contents, inspect_file
from mapsto.files.weights import load_weights, save_weights
from mapsto.files.write import save

__all__ = ["Answer", "Contents", "inspect_file", "load", "load_weights", "save", "save_weights"]
