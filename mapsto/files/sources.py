"""Files that weights are read from, told apart by their first bytes: ours, safetensors, .npz, .keras and .h5."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from mapsto.files.container import MAGIC, OTHER_FORMATS, Path_, Refusal, exactly
from mapsto.files.contents import read
from mapsto.files.hdf5 import keras_weights
from mapsto.files.recurrent import pytorch_modules
from mapsto.files.stored import Numbers, Stored, Weights
from mapsto.files.tensors import Place, length_of, next_numbers, places_of
from mapsto.files.zipped import archive_in, arrays_in, unpacked_member

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
IN_KERAS = "model.weights.h5"
OURS = {"format": "mapsto"}  # what safetensors carries beside the tensors, if `save_weights` wrote it
IN_PYTORCH = "in PyTorch: safetensors.torch.save_file(net.state_dict(), 'net.safetensors')"
READ_HERE = "give a file of mt.save, mt.save_weights, safetensors, .npz, .keras or .weights.h5"


@contextlib.contextmanager
def weights_in(path: Path_) -> Iterator[Weights]:
    """The path of a file ↦ what weights it has; the numbers can be read while it is open. Raises Refusal, OSError."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened: a pipe would wait for a writer
        raise Refusal("FILE-05", "check the path")
    with open(path, "rb") as file:
        start = file.read(9)
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        if start.startswith(MAGIC):
            yield saved_answer(path)
        elif start.startswith(HDF5):
            with keras_weights(file) as found:
                yield found
        elif start.startswith(ZIP):
            with archive_in(file) as archive:
                names = archive.namelist()
                if IN_KERAS in names:
                    with keras_weights(unpacked_member(archive, IN_KERAS, size)) as found:
                        yield found
                elif any(name.endswith(".pkl") for name in names):
                    raise Refusal("FILE-25", IN_PYTORCH, found="a pickle of PyTorch's, which can run code")
                elif not names or not all(name.endswith(".npy") for name in names):
                    raise Refusal("FILE-25", READ_HERE, found="a zip archive, neither .npz nor .keras")
                else:
                    yield Weights("mapsto", arrays_in(archive, os.fspath(path)))
        elif start[8:] == b"{":
            yield safetensors_in(file, size)
        else:
            known = next((name for begin, name in OTHER_FORMATS.items() if start.startswith(begin)), None)
            raise Refusal("FILE-25", READ_HERE, found=known or f"it begins with {start[:8].hex(' ') or 'nothing'}")


def saved_answer(path: Path_) -> Weights:
    """A file of `mt.save`, checked as if it were loaded ↦ its tensors."""
    contents, _, arrays = read(path)
    found = zip(contents.hidden, arrays, strict=True)
    return Weights("mapsto", {name: Stored(one.dtype, one.shape, Known(one)) for name, one in found})


class Known:
    """Gives an array that is there already."""

    def __init__(self, array: Numbers) -> None:
        self.array = array

    def __call__(self) -> Numbers:
        return self.array


class Placed:
    """Reads a tensor of a safetensors file when called."""

    def __init__(self, file: BinaryIO, place: Place, begins: int) -> None:
        self.file, self.place, self.begins = file, place, begins

    def __call__(self) -> Numbers:
        self.file.seek(self.begins + self.place.begin)
        return next_numbers(self.file, self.place.spec, self.begins + self.place.end)


def safetensors_in(file: BinaryIO, size: int) -> Weights:
    """A safetensors file ↦ its tensors: ours by path, or those of a PyTorch net, module by module."""
    length = length_of(file.read(8), size)
    begins = 8 + length
    places, metadata = places_of(exactly(file, length, size), size - begins)
    arrays = {
        name: Stored(place.spec.dtype, place.spec.shape, Placed(file, place, begins)) for name, place in places.items()
    }
    if metadata == OURS:
        return Weights("mapsto", arrays)
    modules: dict[str, dict[str, Stored]] = {}
    for name, array in arrays.items():
        path, _, leaf = name.rpartition(".")
        if leaf != "num_batches_tracked":  # a count beside the running statistics, which nothing here needs
            modules.setdefault(path, {})[leaf] = array
    in_order = sorted(modules.items(), key=lambda one: tuple(map(padded, one[0].split("."))))
    numbered = all(part.isdigit() for path in modules for part in without_common(path, modules).split("."))
    found = tuple(module for path, of in in_order for module in pytorch_modules(path, of))
    return Weights("pytorch", arrays, found, ordered=numbered)


def padded(name: str) -> str:
    """A number with zeros before it, so that 10 comes after 9."""
    return name.zfill(20) if name.isdigit() else name


def without_common(path: str, paths: dict[str, dict[str, Stored]]) -> str:
    """A path without the first parts that all paths share, the last part apart: of `features.0` it leaves `0`."""
    parts = [one.split(".") for one in paths]
    shared = 0
    while all(len(one) > shared + 1 and one[shared] == parts[0][shared] for one in parts):
        shared += 1
    return ".".join(path.split(".")[shared:])
