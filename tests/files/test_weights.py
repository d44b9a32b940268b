"""Weights from files into nets: ours, NumPy's, and those of strangers; all or nothing."""

import gzip
import io
import json
import os
import pickle
import stat
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import mapsto as mt
from mapsto import nn, xp
from tests.files.common import blob_of
from tests.files.test_hostile import Bomb, zipped

h5py = pytest.importorskip("h5py")


def net(seed: int = 0, width: int = 4) -> mt.Mapping:
    parts = mt.chain(backbone=nn.Dense(width) >> nn.BatchNorm() >> nn.relu, head=nn.Dense(2))
    return parts.init(mt.key(seed), xp.ones((1, 3)))


def leaves(one: mt.Mapping) -> dict[str, bytes]:
    return {path: np.asarray(value).tobytes() for path, value in mt.select(one, "**").items()}


def trained() -> mt.Mapping:
    """With running statistics that are not those of the beginning."""
    x = xp.asarray(np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32))
    return mt.training(net())(mt.key(0), x)[1]


def write_npz(one: mt.Mapping, path: Path) -> None:
    np.savez_compressed(path, **{name: np.asarray(value) for name, value in mt.select(one, "**").items()})


WRITERS: dict[str, Callable[[mt.Mapping, Path], None]] = {
    "net.mapsto": mt.save,
    "net.safetensors": mt.save_weights,
    "net.npz": write_npz,
}


@pytest.mark.parametrize("name", WRITERS)
def test_there_and_back(name: str, tmp_path: Path) -> None:
    WRITERS[name](trained(), tmp_path / name)
    loaded = net(seed=1).load_weights(tmp_path / name)
    assert leaves(loaded) == leaves(trained())
    assert list(mt.parameters(loaded)) == list(mt.parameters(net()))


@pytest.mark.parametrize("name", WRITERS)
def test_a_part(name: str, tmp_path: Path) -> None:
    WRITERS[name](trained(), tmp_path / name)
    begun = mt.freeze(net(seed=1), "backbone.**")
    loaded = leaves(begun.load_weights(str(tmp_path / name), "backbone.**"))
    for path, content in leaves(trained() if name else begun).items():
        assert (loaded[path] == content) == (path.startswith("backbone.") or content == leaves(begun)[path])
    assert list(mt.parameters(begun.load_weights(tmp_path / name))) == ["head.weight", "head.bias"]


def test_a_backbone_saved_alone(tmp_path: Path) -> None:
    mt.save_weights(trained().backbone, tmp_path / "net.safetensors")
    loaded = net(seed=1).load_weights(tmp_path / "net.safetensors", "backbone.**", names={"": "backbone"})
    assert leaves(loaded.backbone) == leaves(trained().backbone)


def test_every_type_is_saved(tmp_path: Path) -> None:
    """What runs on half precision and what has tables of numbers comes back bit by bit."""

    class Holder(mt.Mapping):
        def __init__(self) -> None:
            self.parts = [
                xp.ones((2,), dtype=dtype) for dtype in (xp.bfloat16, xp.float16, xp.bool, xp.int64, xp.uint8)
            ]
            self.nothing, self.one = xp.ones((0, 3)), xp.asarray(3.5)

        def __call__(self, x: Any) -> Any:
            return x

    mt.save_weights(Holder(), tmp_path / "x")
    assert leaves(Holder().load_weights(tmp_path / "x")) == leaves(Holder())


def test_precision_may_differ(tmp_path: Path) -> None:
    mt.save_weights(net().cast(xp.float64), tmp_path / "x")
    loaded = net(seed=1).load_weights(tmp_path / "x")
    assert leaves(loaded) == leaves(net())
    large = mt.replace(net(), {"head.bias": np.array([1e30, 0], np.float32)})
    mt.save_weights(large, tmp_path / "x")
    with pytest.raises(mt.FormatError, match=r"head\.bias has a number that float16 does not reach"):
        net().cast(xp.float16).load_weights(tmp_path / "x")


def test_row_15_all_that_does_not_fit_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    mt.save_weights(net(), path)
    other = mt.chain(backbone=nn.Dense(5) >> nn.BatchNorm(), tail=nn.Dense(2)).init(mt.key(0), xp.ones((1, 3)))
    with pytest.raises(mt.FormatError) as caught:
        other.load_weights(path)
    text = str(caught.value)
    assert "2 missing, 2 beyond them, 6 unlike" in text
    assert "tail.weight f32[5,2]" in text and "head.bias float32[2]" in text
    assert "backbone.dense_1.weight float32[3, 4] for f32[3,5]" in text
    assert len(text.splitlines()) <= 12


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    mt.save_weights(net(), tmp_path / "x")
    with pytest.raises(mt.StateError, match="MAP-02"):
        nn.Dense(3).load_weights(tmp_path / "x")
    with pytest.raises(mt.StateError, match="MAP-02"):
        mt.save_weights(nn.Dense(3), tmp_path / "y")
    with pytest.raises(mt.UsageError, match="takes a mapping"):
        mt.save_weights(3, tmp_path / "y")  # type: ignore[arg-type]
    with pytest.raises(mt.PathError, match="body"):
        net().load_weights(tmp_path / "x", "body.**")
    with pytest.raises(mt.UsageError, match="the path of a file"):
        net().load_weights({"weight": 3})
    with pytest.raises(mt.FormatError, match="no such file"):
        net().load_weights(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(mt.FormatError, match="not a regular file"):
        net().load_weights(tmp_path / "pipe")
    assert {one.name for one in tmp_path.iterdir()} == {"x", "pipe"}


def test_a_failed_write_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.safetensors"
    mt.save_weights(net(), path)
    before = path.read_bytes()

    def fails(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(mt.FormatError, match="No space left"):
            mt.save_weights(net(seed=1), path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_numbers_of_the_other_byte_order(tmp_path: Path) -> None:
    arrays = {name: np.asarray(value) for name, value in mt.select(trained(), "**").items()}
    np.savez(tmp_path / "big.npz", **{name: one.astype(one.dtype.newbyteorder(">")) for name, one in arrays.items()})
    assert leaves(net(seed=1).load_weights(tmp_path / "big.npz")) == leaves(trained())


@pytest.mark.parametrize("name", WRITERS)
def test_nan_is_named(name: str, tmp_path: Path) -> None:
    WRITERS[name](mt.replace(net(), {"head.bias": xp.asarray([1.0, xp.nan])}), tmp_path / name)
    with pytest.warns(mt.Note, match=r"NaN stands in head\.bias; look"):
        loaded = net().load_weights(tmp_path / name)
    assert np.isnan(np.asarray(mt.select(loaded, "head.bias")["head.bias"])).sum() == 1
    if name.endswith(".mapsto"):
        with pytest.warns(mt.Note, match=r"NaN stands in head\.bias; look"):
            mt.load(tmp_path / name)


def npz(entries: dict[str, bytes], links: tuple[str, ...] = ()) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if name in links:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, content)
    return file.getvalue()


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def hollow(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    """The header of an .npy file, and too few numbers."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + b"\0" * 8


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


SIGNATURE = b"\x89HDF\r\n\x1a\n"
PLAIN = {f"{name}.npy": npy(np.asarray(value)) for name, value in mt.select(net(), "**").items()}
SPECS = {name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for name in ("a",)}
REFUSED: dict[str, tuple[bytes, type[mt.MapstoError], str]] = {
    "nothing": (b"", mt.FormatError, "begins with nothing"),
    "text": (b"import os", mt.FormatError, "no file of weights"),
    "gzip": (gzip.compress(b"weights"), mt.FormatError, "compressed by gzip"),
    "a pickle": (pickle.dumps(Bomb()), mt.FormatError, "a pickle"),
    ".pt": (zipped(), mt.FormatError, r"a pickle of PyTorch's(.|\n)*safetensors"),
    ".npy": (npy(np.ones(3)), mt.FormatError, "NumPy array"),
    "objects": (npz({**PLAIN, "head.bias.npy": npy(np.array([Bomb()], object))}), mt.FormatError, "NPY-02"),
    "words": (npz({**PLAIN, "head.bias.npy": npy(np.array(["a"]))}), mt.FormatError, "holds words"),
    "a zip of other things": (npz({"a.txt": b""}), mt.FormatError, "neither"),
    "a path out of it": (npz({**PLAIN, "../x.npy": b""}), mt.FormatError, "a path out of its folder"),
    "a path out of it, in Windows": (npz({**PLAIN, "..\\x.npy": b""}), mt.FormatError, "a path out of its folder"),
    "an absolute path": (npz({**PLAIN, "/etc/x.npy": b""}), mt.FormatError, "an absolute path"),
    "a link": (npz({**PLAIN, "x.npy": b"/etc/passwd"}, links=("x.npy",)), mt.FormatError, "a link"),
    "an archive cut off": (cut(npz(PLAIN)), mt.FormatError, "archive does not read"),
    "an array cut off": (npz({**PLAIN, "head.bias.npy": hollow((2,))[:-4]}), mt.FormatError, "has fewer than"),
    "an array too long": (npz({**PLAIN, "head.bias.npy": npy(np.ones(2, "f4")) + b"x"}), mt.FormatError, "has more"),
    "an array of 2^60": (npz({**PLAIN, "head.bias.npy": hollow((2**60,))}), mt.FormatError, "unlike"),
    "a bomb": (npz({**PLAIN, "head.bias.npy": hollow((2**28,)) + b"\0" * 2**26}), mt.FormatError, "unlike"),
    "a bomb of HDF5": (npz({"model.weights.h5": SIGNATURE + b"\0" * (80 << 20)}), mt.LimitError, "without end"),
    "no HDF5": (npz({"model.weights.h5": SIGNATURE + b"\0" * 99}), mt.FormatError, "HDF5 file does not read"),
    "safetensors cut off": (cut(blob_of(SPECS, b"1234")), mt.FormatError, "their own header|cut off"),
    "holes": (blob_of(SPECS, b"12345"), mt.FormatError, "they have 4 bytes, and here are 5"),
    "another type": (blob_of({"a": {**SPECS["a"], "dtype": "F4"}}, b"1234"), mt.FormatError, "type 'F4', which"),
    "a truth value of 7": (
        blob_of({"a": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]}}, b"\7"), mt.FormatError, "FILE-27",
    ),
    "a header of 2^60": (b"\0" * 7 + b"\x10{}", mt.FormatError, "longer than the tensors"),
    "NaN in the header": (blob_of('{"a": NaN}', b""), mt.FormatError, "FILE-13"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, kind, words = REFUSED[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_bytes(content)
    one, begin = net(), time.perf_counter()
    with pytest.raises(kind, match=words):
        one.load_weights(tmp_path / "x")
    assert time.perf_counter() - begin < 1
    assert [found.name for found in tmp_path.iterdir()] == ["x"]
    assert leaves(one) == leaves(net())


def test_an_archive_of_many_members(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        for i in range(30_000):
            archive.writestr(f"{i}.npy", b"")
    begin = time.perf_counter()
    with pytest.raises(mt.LimitError, match="list of members"):
        net().load_weights(tmp_path / "x")
    assert time.perf_counter() - begin < 1


def keras_file(path: Path, change: Callable[[Any], None]) -> Path:
    """A file as Keras writes it, with something else in it."""
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/dense/vars")
        group["0"], group["1"] = np.ones((3, 2), np.float32), np.ones(2, np.float32)
        change(file)
    return path


def linked_to_a_file(file: Any) -> None:
    file["layers/dense/vars/1x"] = h5py.ExternalLink("/etc/passwd", "/")


def linked(file: Any) -> None:
    file["layers/dense/vars/1x"] = h5py.SoftLink("/layers")


def stored_elsewhere(file: Any) -> None:
    file.create_dataset("layers/dense/vars/2", (8,), "u1", external=[("/etc/passwd", 0, 8)])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (2,))
    file.create_virtual_dataset("layers/dense/vars/2", layout)


def words_of_objects(file: Any) -> None:
    file["layers/dense/vars/2"] = np.array([b"a", b"bc"], h5py.string_dtype())


def in_a_circle(file: Any) -> None:
    file["layers/dense/again"] = file["layers"]


def in_large_pieces(file: Any) -> None:
    file.create_dataset("layers/dense/vars/2", (2**28,), "f4", chunks=(2**27,), compression="gzip")


def hollow_dataset(file: Any) -> None:
    file.create_dataset("layers/dense/vars/2", (2**40,), "f4", chunks=(2**10,))


HDF5: dict[str, tuple[Callable[[Any], None], str]] = {
    "a link to a file": (linked_to_a_file, "is a link"),
    "a link": (linked, "is a link"),
    "an array in another file": (stored_elsewhere, "lies in another file"),
    "a virtual array": (virtual, "lies in another file"),
    "words": (words_of_objects, "is no array of numbers"),
    "a circle": (in_a_circle, "stands elsewhere in it too"),
    "large pieces": (in_large_pieces, "in pieces of"),
    "a terabyte": (hollow_dataset, "1 beyond"),
    "something else": (lambda file: file.create_dataset("notes", data=1), "stands where Keras has no array"),
}


@pytest.mark.parametrize("name", HDF5)
def test_hdf5(name: str, tmp_path: Path) -> None:
    change, words = HDF5[name]
    one = nn.Dense(2).init(mt.key(0), xp.ones((1, 3)))
    assert np.asarray(one.load_weights(keras_file(tmp_path / "sound", lambda file: None)).weight).all()
    begin = time.perf_counter()
    with pytest.raises((mt.FormatError, mt.LimitError), match=words):
        one.load_weights(keras_file(tmp_path / "x", change))
    assert time.perf_counter() - begin < 2


def test_hdf5_cut_off_anywhere(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "x", lambda file: None)
    content = path.read_bytes()
    one = nn.Dense(2).init(mt.key(0), xp.ones((1, 3)))
    for size in range(0, len(content) - 1, 37):
        path.write_bytes(content[:size])
        with pytest.raises((mt.FormatError, mt.LimitError)):
            one.load_weights(path)


def test_files_of_other_programs(tmp_path: Path) -> None:
    """Without our mark, safetensors are a PyTorch net's: [out, in]. With our paths and layout, .npz says so."""
    tensors = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.ones(2, np.float32)}
    safetensors.numpy.save_file(tensors, tmp_path / "x")
    one = nn.Dense(2).init(mt.key(0), xp.ones((1, 3)))
    assert np.array_equal(np.asarray(one.load_weights(tmp_path / "x").weight), tensors["weight"].T)
    with open(tmp_path / "x", "rb") as file:
        assert "__metadata__" not in json.loads(file.read()[8:].split(b"}}")[0] + b"}}")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((6, 5), "stem.weight float32[6, 5] for dense_1.weight f32[6,4]"),
        ((6, 4), "stem.weight float32[6, 4], which is [4, 6] here, for dense_1.weight f32[6,4]"),
    ],
)
def test_a_weight_that_does_not_fit_is_called_as_in_its_file(
    shape: tuple[int, ...], words: str, tmp_path: Path
) -> None:
    tensors = {"stem.weight": np.ones(shape, np.float32), "stem.bias": np.ones(4, np.float32)}
    safetensors.numpy.save_file(tensors, tmp_path / "torch.safetensors")
    net = (nn.Dense(4) >> nn.relu).init(mt.key(0), np.ones((1, 6), np.float32))
    with pytest.raises(mt.FormatError, match="FILE-26") as caught:
        net.load_weights(tmp_path / "torch.safetensors", names={"stem": "dense_1"})
    assert words in str(caught.value)


def test_names_of_a_part_that_the_net_has_not(tmp_path: Path) -> None:
    safetensors.numpy.save_file({"stem.weight": np.ones((5, 4), np.float32)}, tmp_path / "torch.safetensors")
    net = (nn.Dense(5, bias=False) >> nn.Dense(3)).init(mt.key(0), np.ones((1, 4), np.float32))
    with pytest.raises(mt.FormatError, match=r"'stem' is 'dense_9' here(.|\n)*dense_1, dense_2"):
        net.load_weights(tmp_path / "torch.safetensors", names={"stem": "dense_9"})
