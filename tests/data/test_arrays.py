"""Arrays of any structure, NumPy's files mapped into memory or read, and what goes wrong with them."""

import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

import mapsto as mt
from mapsto import data
from mapsto.data.dataset import memory_mapped

X = np.arange(24.0).reshape(6, 4)
Y = np.array([0, 1, 0, 1, 2, 2])


def saved(folder, name, array, **options):
    np.save(folder / name, array, **options)
    return folder / name


def test_trees_of_arrays():
    ds = data.from_arrays(({"picture": X, "age": Y}, Y), classes=("a", "b", "c"), name="people")
    x, y = ds[4]
    assert x["picture"].tolist() == X[4].tolist() and x["age"] == y == 2
    assert repr(ds) == "Arrays(people: 6 × x.picture: f64[4], x.age: i64[], y: i64[], 3 classes)"
    assert ds.labels.tolist() == Y.tolist() and len(ds[1:3]) == 2 and isinstance(ds[[2, 0]], type(ds))
    assert data.from_arrays([[1.0], [2.0]]).gather(np.array([1])).tolist() == [[2.0]]
    alone = data.from_arrays(X)
    assert alone[2].tolist() == X[2].tolist() and alone.labels is None and data.from_arrays((X, Y, Y)).labels is None


def test_a_batch_is_memory_of_its_own():
    ds = data.from_arrays((X, Y))
    x, _ = ds.gather(np.array([0, 1]))
    x[:] = -1
    assert X[0, 0] == 0 and ds[0][0].tolist() == X[0].tolist()
    with pytest.raises(ValueError, match="read-only"):
        ds.tree[0][0] = 1


# memory-mapped files


@pytest.mark.parametrize("kind", ["<f8", ">f8", "<i4", "|u1", "|b1", "<f2", "<U3"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_files_of_every_kind(tmp_path, kind, order):
    array = np.asarray(X.astype(kind), order=order)
    ds = data.from_npy(saved(tmp_path, "x.npy", array), saved(tmp_path, "y.npy", Y))
    x, y = ds.gather(np.array([5, 0]))
    assert x.dtype.isnative and x.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(x, array[[5, 0]])
    assert y.tolist() == [2, 0] and ds.labels.tolist() == Y.tolist()


def test_several_inputs_from_files(tmp_path):
    paths = {"a": saved(tmp_path, "a.npy", X), "b": str(saved(tmp_path, "b.npy", Y))}
    ds = data.from_npy(paths, Y, classes=("x", "y", "z"))
    x, y = ds.shuffle(0).batch(6)[0]
    order = [int(i) for i in x["a"][:, 0] / 4]
    assert sorted(order) == list(range(6)) and x["b"].tolist() == Y[order].tolist() == y.tolist()
    assert data.from_npy(tuple(paths.values()))[1][1] == 1


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    """A file of 64 MB, mapped, split, shuffled, mapped over: under 2 MB of memory until a batch is made."""
    big = np.lib.format.open_memmap(tmp_path / "big.npy", "w+", np.float32, (1 << 16, 256))
    big[:, 0] = np.arange(1 << 16)
    big.flush()
    labels = np.arange(1 << 16) % 7
    tracemalloc.start()
    ds = data.from_npy(tmp_path / "big.npy", labels)
    plain = data.Dataset(np.load(tmp_path / "big.npy", mmap_mode="r"), labels)
    for one in (ds, plain):
        rest, part = one[:30000].split(0.1, seed=1)
        mapped = rest.shuffle(3).map(x=lambda x: x + 1)
        x, _ = mapped.batch(8)[0]
        assert x.shape == (8, 256) and len(part) == 3000 and len(mapped) == 27000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 << 20, f"{peak} bytes"
    assert memory_mapped(plain.x) and memory_mapped(plain[5:].x) and not memory_mapped(X)


def test_a_file_that_vanishes_or_is_cut_off_while_in_use(tmp_path):
    """Fault 25: reading a mapped file that was cut off would end the process with a signal."""
    path = saved(tmp_path, "x.npy", np.zeros((5000, 64)))
    ds = data.from_npy(path, np.zeros(5000, int)).shuffle(0)
    ds.gather(np.array([4999]))
    os.truncate(path, 4096)
    with pytest.raises(mt.DataError, match="cut off while in use") as caught:
        ds.gather(np.array([4999]))
    assert "2560128 bytes" in str(caught.value) and "4096 bytes" in str(caught.value)
    path.unlink()
    with pytest.raises(mt.DataError, match=r"x\.npy: cannot be read: No such file"):
        ds[0]


# files that are not what they should be


def test_objects_are_refused_and_never_unpickled(tmp_path):
    """Fault 9: an array of objects is a pickle, and a pickle is a program."""

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    path = saved(tmp_path, "x.npy", np.array([Trap()]), allow_pickle=True)
    with pytest.raises(mt.FormatError, match="Python objects") as caught:
        data.from_npy(path)
    assert caught.value.code == "NPY-02"
    np.savez(tmp_path / "x.npz", x=np.array([Trap()]), y=Y)
    with pytest.raises(mt.FormatError, match="Python objects"):
        data.from_npz(tmp_path / "x.npz")
    (tmp_path / "pickle.npy").write_bytes(b"\x80\x04\x95\x10\0\0\0\0\0\0\0")
    with pytest.raises(mt.FormatError, match=r"no \.npy file"):
        data.from_npy(tmp_path / "pickle.npy")
    assert not (tmp_path / "trapped").exists()


def test_a_file_cut_off_anywhere(tmp_path):
    whole = saved(tmp_path, "x.npy", X).read_bytes()
    for length in [*range(0, 140), *range(140, len(whole), 13)]:
        (tmp_path / "cut.npy").write_bytes(whole[:length])
        with pytest.raises((mt.FormatError, mt.DataError)):
            data.from_npy(tmp_path / "cut.npy")
    (tmp_path / "long.npy").write_bytes(whole + b"\0")
    with pytest.raises(mt.DataError, match="longer than its header") as caught:
        data.from_npy(tmp_path / "long.npy")
    assert "192 bytes" in str(caught.value) and "193 bytes" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 2)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 2)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': 3}",
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '|S4', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': 'nonsense', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f8'}",
        "__import__('os').mkdir('trapped')",
        "(" * 9000,
        "'" + "x" * 20000 + "'",
        "",
    ],
)
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::UserWarning")
def test_headers_that_lie(tmp_path, text):
    header = text.encode() + b"\n"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    (tmp_path / "x.npy").write_bytes(start + bytes(24))
    with pytest.raises((mt.FormatError, mt.DataError)):
        data.from_npy(tmp_path / "x.npy")


def test_empty_and_missing_files(tmp_path):
    with pytest.raises(mt.DataError, match="empty"):
        data.from_npy(saved(tmp_path, "x.npy", np.zeros((0, 3))))
    with pytest.raises(mt.DataError, match="No such file"):
        data.from_npy(tmp_path / "absent.npy")
    with pytest.raises(mt.DataError, match="directory"):
        data.from_npy(tmp_path)
    with pytest.raises(mt.DataError, match="x has 6 samples and y has 5"):
        data.from_npy(saved(tmp_path, "x.npy", X), Y[:5])
    with pytest.raises(mt.DataError, match="one number"):
        data.from_npy(saved(tmp_path, "x.npy", np.array(3.0)))


# .npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_files(tmp_path, save):
    save(tmp_path / "set.npz", x_train=X, y_train=Y, more=np.asfortranarray(X))
    ds = data.from_npz(tmp_path / "set.npz", "x_train", "y_train", classes=("a", "b", "c"))
    np.testing.assert_array_equal(ds.gather(np.arange(6))[0], X)
    both = data.from_npz(tmp_path / "set.npz", ("x_train", "more"), None)
    np.testing.assert_array_equal(both.gather(np.arange(6))[1], X)
    with pytest.raises(mt.UsageError, match="no array 'x'") as caught:
        data.from_npz(tmp_path / "set.npz")
    assert "x_train, y_train, more" in str(caught.value)
    with pytest.raises(mt.LimitError, match="limit of 100 bytes"):
        data.from_npz(tmp_path / "set.npz", "x_train", "y_train", limit_bytes=100)


def test_damaged_npz(tmp_path):
    """Fault 22: a flipped bit shows in the checksum of its member."""
    np.savez_compressed(tmp_path / "set.npz", x=np.random.default_rng(0).normal(size=(20, 5)), y=np.arange(20))
    whole = (tmp_path / "set.npz").read_bytes()
    for place in range(0, len(whole), 29):
        (tmp_path / "cut.npz").write_bytes(whole[:place])
        with pytest.raises((mt.DataError, mt.FormatError)):
            data.from_npz(tmp_path / "cut.npz")
    for place in range(60, 700, 41):  # within the first member's packed data
        broken = bytearray(whole)
        broken[place] ^= 0x10
        (tmp_path / "bad.npz").write_bytes(bytes(broken))
        with pytest.raises((mt.DataError, mt.FormatError)):
            data.from_npz(tmp_path / "bad.npz")
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(mt.DataError, match=r"no \.npz file"):
        data.from_npz(tmp_path / "text.npz")


def test_a_bomb_is_not_unpacked(tmp_path):
    """Fault 13: a member that says 400 bytes in its header and unpacks to 64 MB."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (400,)}\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(1 << 26)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    tracemalloc.start()
    with pytest.raises(mt.DataError, match="longer than its header"):
        data.from_npz(tmp_path / "bomb.npz", y=None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_long_header_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        file.write(b"\x93NUMPY\x02\x00" + (64 << 20).to_bytes(4, "little"))
        for _ in range(64):
            file.write(b" " * (1 << 20))
    tracemalloc.start()
    with pytest.raises(mt.FormatError) as caught:
        data.from_npz(path, y=None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "NPY-01" and peak < 8 << 20
