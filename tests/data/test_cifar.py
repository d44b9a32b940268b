"""CIFAR: the binary releases, written here by their published layout; the JPEG coded copy; a CNN that trains on it."""

import io
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim
from mapsto.data.cifar import contents_of
from mapsto.data.draw import random_order
from tests.larger_data import FOLDER

RNG = np.random.default_rng(0)
FINE = [f"fine_{i:02}" for i in range(100)]
COARSE = [f"coarse_{i:02}" for i in range(20)]

needs_cifar = pytest.mark.skipif(
    not (FOLDER / "cifar10" / "cifar10-jpeg.tar.xz").is_file(), reason=f"no cifar10 in {FOLDER}; set MAPSTO_DATA"
)


def written(count, labels):
    """Pictures [n, 32, 32, 3] and labels [n, k] ↦ their records: labels, red plane, green plane, blue plane."""
    x = RNG.integers(0, 256, (count, 32, 32, 3)).astype(np.uint8)
    y = np.stack([RNG.integers(0, most, count) for most in labels], axis=1).astype(np.uint8)
    planes = x.transpose(0, 3, 1, 2).reshape(count, 3072)
    return x, y, np.concatenate([y, planes], axis=1).tobytes()


def cifar10():
    files = {f"data_batch_{i}.bin": written(3, (10,)) for i in range(1, 6)}
    return files | {"test_batch.bin": written(4, (10,))}


def cifar100():
    return {"train.bin": written(5, (20, 100)), "test.bin": written(4, (20, 100))}


NAMES = {"coarse_label_names.txt": "\n".join(COARSE) + "\n", "fine_label_names.txt": "\n".join(FINE) + "\n"}


def archive(path, folder, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as made:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))


def unpacked(folder, files):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MAPSTO_DATA", str(tmp_path))
    return tmp_path


def contents(sets):
    return {name: content for name, (_, _, content) in sets.items()}


# the releases


@pytest.mark.parametrize("place", ["archive", "folder", "flat"])
def test_cifar_10(home, place):
    sets = cifar10()
    if place == "archive":
        archive(home / "cifar10" / "cifar-10-binary.tar.gz", "cifar-10-batches-bin", contents(sets))
    else:
        unpacked(home / "cifar10" / ("cifar-10-batches-bin" if place == "folder" else ""), contents(sets))
    train, test = data.load("cifar10"), data.load("cifar10", "test")
    assert repr(train) == "Dataset(cifar10: 15 × u8[32,32,3] ↦ i64[], 10 classes)" and len(test) == 4
    parts = [sets[f"data_batch_{i}.bin"] for i in range(1, 6)]
    np.testing.assert_array_equal(train.x, np.concatenate([x for x, _, _ in parts]))
    assert train.y.tolist() == np.concatenate([y[:, 0] for _, y, _ in parts]).tolist()
    assert train.classes[:3] == ("airplane", "automobile", "bird") and train.classes[9] == "truck"


def test_cifar_100_fine_and_coarse(home):
    sets = cifar100()
    named = contents(sets) | {name: text.encode() for name, text in NAMES.items()}
    archive(home / "cifar100" / "cifar-100-binary.tar.gz", "cifar-100-binary", named)
    x, y, _ = sets["train.bin"]
    fine, coarse = data.load("cifar100", "train"), data.load("cifar100_coarse", "train")
    np.testing.assert_array_equal(fine.x, x)
    assert fine.y.tolist() == y[:, 1].tolist() and fine.classes == tuple(FINE)
    assert coarse.y.tolist() == y[:, 0].tolist() and coarse.classes == tuple(COARSE)


def test_read_cifar(tmp_path):
    for labels in (1, 2):
        x, y, content = written(3, (10,) * labels)
        (tmp_path / "x.bin").write_bytes(content)
        found, named = data.read_cifar(tmp_path / "x.bin", labels)
        np.testing.assert_array_equal(found, x)
        np.testing.assert_array_equal(named, y)


# fault 19: sizes


@pytest.mark.parametrize("labels, record", [(1, 3073), (2, 3074)])
@pytest.mark.parametrize("wrong", [-1, 1, 100, -3000])
def test_a_size_that_is_no_whole_number_of_records(tmp_path, labels, record, wrong):
    content = written(3, (10,) * labels)[2]
    (tmp_path / "x.bin").write_bytes(content[:wrong] if wrong < 0 else content + bytes(wrong))
    with pytest.raises(mt.DataError) as caught:
        data.read_cifar(tmp_path / "x.bin", labels)
    size = 3 * record + wrong
    assert caught.value.code == "CIFAR-01"
    assert f"{size} bytes are no whole number of records of {record}" in str(caught.value)
    assert f"{size // record} records and {size % record} bytes" in str(caught.value)


def test_the_other_release_is_recognised(tmp_path):
    (tmp_path / "x.bin").write_bytes(written(3, (20, 100))[2])
    with pytest.raises(mt.DataError, match="its size is that of CIFAR-100, labels=2"):
        data.read_cifar(tmp_path / "x.bin")
    (tmp_path / "x.bin").write_bytes(written(3, (10,))[2])
    with pytest.raises(mt.DataError, match="its size is that of CIFAR-10, labels=1"):
        data.read_cifar(tmp_path / "x.bin", labels=2)
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises(mt.DataError, match="0 bytes are no whole number"):
        data.read_cifar(tmp_path / "x.bin")


# the copy coded as JPEG


def test_load_reads_the_jpeg_copy(home):
    def encoded(value):
        file = io.BytesIO()
        Image.fromarray(np.full((32, 32, 3), value, np.uint8)).save(file, "JPEG")
        return file.getvalue()

    files = {f"{name}/{i:04}.jpg": encoded(10 * i) for name in ("cat", "dog") for i in range(3)}
    (home / "cifar10").mkdir()
    with tarfile.open(home / "cifar10" / "cifar10-jpeg.tar.xz", "w:xz") as made:
        for name, content in files.items():
            for split in ("train", "test"):
                entry = tarfile.TarInfo(f"{split}/{name}")
                entry.size = len(content)
                made.addfile(entry, io.BytesIO(content))
    ds = data.load("cifar10", "test")
    assert repr(ds) == "Dataset(cifar10: 6 × u8[32,32,3] ↦ i64[], 2 classes)"
    order = random_order(6, 0)  # the archive is sorted by class, and the binary release is not
    assert ds.classes == ("cat", "dog") and ds.y.tolist() == np.array([0, 0, 0, 1, 1, 1])[order].tolist()
    np.testing.assert_allclose(ds.x.mean(axis=(1, 2, 3)), np.array([0, 10, 20, 0, 10, 20])[order], atol=1)
    assert set(ds.y[:3].tolist()) == {0, 1}


# faults 20, 22 and 25 in a release


def test_labels_out_of_range_and_files_that_are_missing(home):
    sets = cifar10()
    broken = bytearray(sets["data_batch_2.bin"][2])
    broken[3073] = 10
    files = contents(sets) | {"data_batch_2.bin": bytes(broken)}
    unpacked(home / "cifar10", files)
    with pytest.raises(mt.DataError, match=r"y\[4\] is 10, and there are 10 classes"):
        data.load("cifar10")
    (home / "cifar10" / "data_batch_5.bin").unlink()
    with pytest.raises(mt.DataError, match=r"data_batch_5\.bin: cannot be read: No such file"):
        data.load("cifar10")
    files = contents(cifar100()) | {"fine_label_names.txt": b"one two three"}
    archive(home / "cifar100" / "cifar-100-binary.tar.gz", "cifar-100-binary", files)
    with pytest.raises(mt.DataError, match="does not hold coarse_label_names"):
        data.load("cifar100")
    archive(home / "cifar100" / "cifar-100-binary.tar.gz", "x", files | {"coarse_label_names.txt": b"x"})
    with pytest.raises(mt.DataError, match="3 names of classes, not 100"):
        data.load("cifar100")


def test_an_archive_cut_off(home):
    path = home / "cifar10" / "cifar-10-binary.tar.gz"
    archive(path, "cifar-10-batches-bin", contents(cifar10()))
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(mt.DataError, match="damaged"):
        data.load("cifar10")
    path.unlink()
    with pytest.raises(mt.DataError, match=r"cifar-10-binary\.tar\.gz: cannot be read: No such file"):
        data.load("cifar10")


# the real pictures


@needs_cifar
def test_a_small_cnn_trains_on_the_real_pictures():
    files = data.from_folder(FOLDER / "cifar10" / "cifar10-jpeg.tar.xz", image.decode((32, 32)), inside="test")
    assert len(files) == 10_000 and set(np.bincount(files.labels)) == {1000}
    assert files.classes == ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    some = files.shuffle(0).take(200)
    net = (
        image.scale(1 / 255)
        >> image.normalise((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))
        >> image.random_flip()
        >> nn.Conv2D(8, 3)
        >> nn.relu
        >> nn.MaxPool2D(4)
        >> nn.Flatten()
        >> nn.Dense(10)
    )
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(3e-3), metrics=[metrics.accuracy])
    history = learner.fit(some, validation=0.2, epochs=3, batch_size=32, progress=False)
    assert learner.steps == 15 and history["loss"][-1] < history["loss"][0] < 3.0
    assert learner.predict(some.take(5)).shape == (5, 10)
    pixels, _ = some.batch(50)[0]
    assert pixels.dtype == np.uint8 and 90 < pixels.mean() < 150


def test_two_members_of_one_name(tmp_path):
    archive(tmp_path / "x.tar.gz", "all", {"old/test_batch.bin": b"1", "new/test_batch.bin": b"2"})
    with pytest.raises(mt.DataError, match=r"two of its members are called test_batch\.bin") as caught:
        contents_of(tmp_path / "x.tar.gz", ("test_batch.bin",))
    assert caught.value.code == "CIFAR-04"
