"""Dataset: index ↦ (x, y), what it refuses, and splits that are exact and always the same."""

import copy
import pickle

import numpy as np
import pytest

from mapsto.core.errors import DataError, IndexRangeError, UsageError
from mapsto.data import Dataset


def numbered(counts, classes=()):
    """Samples 0, 1, 2 … with counts[c] of class c, shuffled."""
    y = np.repeat(np.arange(len(counts)), counts)
    np.random.default_rng(0).shuffle(y)
    return Dataset(np.arange(len(y)), y, classes)


def test_a_data_set_is_a_mapping_of_indices():
    ds = Dataset(np.arange(12).reshape(4, 3), np.array([0, 1, 0, 1]), ("a", "b"), "toy")
    assert len(ds) == 4
    x, y = ds[np.int64(-1)]
    assert x.tolist() == [9, 10, 11] and y == 1
    assert [int(y) for _, y in ds] == [0, 1, 0, 1]
    assert ds[1:3].x.tolist() == [[3, 4, 5], [6, 7, 8]]
    assert ds[[3, 0, -1]].y.tolist() == [1, 0, 1]
    assert ds[ds.y == 1].x.tolist() == [[3, 4, 5], [9, 10, 11]]
    assert ds.take(2).x.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert ds[1:3].classes == ("a", "b") and ds[1:3].name == "toy"


def test_repr_is_short_and_shows_no_data():
    ds = Dataset(np.zeros((70, 28, 28, 1), np.uint8), np.zeros(70, np.int64), ("a", "b"), "toy")
    assert repr(ds) == "Dataset(toy: 70 × u8[28,28,1] ↦ i64[], 2 classes)"
    assert repr(Dataset(np.array(["one", "two"]), np.zeros((2, 3)))) == "Dataset(data: 2 × <U3[] ↦ f64[3])"


def test_it_cannot_be_changed_and_copies_nothing():
    x = np.zeros((3, 2))
    ds = Dataset(x, np.zeros(3))
    assert np.shares_memory(ds.x, x)
    with pytest.raises(ValueError, match="read-only"):
        ds.x[0] = 1
    with pytest.raises(AttributeError):
        ds.x = x  # type: ignore[misc]
    x[0] = 1  # the caller's own array stays writable
    for again in (copy.deepcopy(ds), pickle.loads(pickle.dumps(ds))):
        assert again.x.tolist() == ds.x.tolist() and again.name == ds.name


def test_lists_become_arrays():
    assert Dataset([[1.0], [2.0]], [0, 1]).x.shape == (2, 1)  # type: ignore[arg-type]


def test_different_counts_name_both():
    with pytest.raises(DataError, match="x has 3 samples and y has 2"):
        Dataset(np.zeros((3, 2)), np.zeros(2))


def test_an_empty_set_is_refused():
    with pytest.raises(DataError, match="empty"):
        Dataset(np.zeros((0, 2)), np.zeros(0))
    with pytest.raises(DataError, match="empty"):
        numbered([4])[2:2]
    with pytest.raises(DataError, match="empty"):
        numbered([4])[[]]


@pytest.mark.parametrize("wrong", [3, -1, 255])
def test_a_label_out_of_range_names_index_and_value(wrong):
    y = np.array([0, 1, 2, 0, wrong, wrong])
    with pytest.raises(DataError, match=rf"y\[4\] is {wrong}, and there are 3 classes") as caught:
        Dataset(np.zeros(6), y, ("a", "b", "c"))
    assert "2 of 6 labels" in str(caught.value)


def test_labels_of_pixels_are_checked_too():
    y = np.zeros((2, 4, 4), np.uint8)
    y[1, 2, 3] = 9
    with pytest.raises(DataError, match=r"y\[1, 2, 3\] is 9"):
        Dataset(np.zeros((2, 4, 4)), y, ("cell", "membrane"))


def test_other_labels():
    with pytest.raises(DataError, match="float64"):
        Dataset(np.zeros(2), np.array([0.0, 1.0]), ("a", "b"))
    Dataset(np.zeros(2), np.array([[0.0, 1.0], [1.0, 0.0]]), ("a", "b"))  # one number for each class
    Dataset(np.zeros(2), np.array([-7, 100]))  # no classes: any integers


def test_arrays_of_objects_are_refused():
    with pytest.raises(DataError, match="x is"):
        Dataset([[1, 2], [3]], [0, 1])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="Python objects"):
        Dataset(np.array([None, 1]), np.zeros(2))
    with pytest.raises(DataError, match="one number"):
        Dataset(np.zeros(()), np.zeros(2))


def test_wrong_indices():
    ds = numbered([3, 3])
    for index in (6, -7):
        with pytest.raises(IndexRangeError, match=f"index {index} is out of range"):
            ds[index]
    with pytest.raises(IndexRangeError, match="index 9"):
        ds[[0, 9]]
    for index in (1.0, "x", (0, 1), True, np.array([0.5]), np.array([True, False]), np.zeros((1, 1), int)):
        with pytest.raises(UsageError, match="no samples at"):
            ds[index]  # type: ignore[call-overload]


def test_take_names_both_counts():
    for n in (0, -1, 7):
        with pytest.raises(DataError, match=f"cannot take {n} samples of 6"):
            numbered([3, 3]).take(n)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan"), float("inf")])
def test_fractions_outside_of_zero_to_one(fraction):
    with pytest.raises(DataError, match="fraction"):
        numbered([50, 50]).split(fraction)


def test_a_split_that_leaves_nothing():
    with pytest.raises(DataError, match="one side empty"):
        numbered([2, 2]).split(0.1)
    with pytest.raises(DataError, match="one side empty"):
        numbered([2, 2]).split(0.9)


@pytest.mark.parametrize("counts", [[50, 50], [1] * 100, [97, 2, 1], [33, 0, 41, 7, 19], [178, 182, 177, 183]])
@pytest.mark.parametrize("fraction", [0.1, 0.2, 1 / 3, 0.5, 0.75])
def test_a_split_is_exact_and_stratified(counts, fraction):
    ds = numbered(counts)
    rest, part = ds.split(fraction, seed=3)
    assert sorted([*rest.x, *part.x]) == list(range(len(ds)))
    assert len(part) == round(fraction * len(ds))
    for label, count in enumerate(counts):
        assert abs(int(np.sum(part.y == label)) - fraction * count) < 1
    assert np.all(np.diff(part.x) > 0) and np.all(np.diff(rest.x) > 0)  # the order is kept


def test_tenths_are_tenths():
    # In binary, 0.1 · 30 and the like are a little off; a class of 30 must still give 3.
    _, part = numbered([30, 70, 110]).split(0.1)
    assert np.bincount(part.y).tolist() == [3, 7, 11]


def test_seeds_draw_what_they_always_drew():
    ds = numbered([10, 10])
    assert ds.split(0.3, seed=0)[1].x.tolist() == ds.split(0.3, seed=0)[1].x.tolist()
    assert ds.split(0.3, seed=0)[1].x.tolist() != ds.split(0.3, seed=1)[1].x.tolist()
    # Written down once: a change here changes everyone's validation sets.
    assert Dataset(np.arange(10), np.zeros(10)).split(0.4)[1].x.tolist() == [1, 2, 3, 8]
    assert Dataset(np.arange(10), np.arange(10) // 5).split(0.4)[1].x.tolist() == [2, 3, 6, 8]


def test_stratify_can_be_chosen():
    unbalanced = Dataset(np.arange(1000), np.arange(1000) // 500)
    _, part = unbalanced.split(0.2, stratify=False)
    assert len(part) == 200 and np.sum(part.y) != 100
    with pytest.raises(UsageError, match=r"f64\[4\]"):
        Dataset(np.zeros(4), np.zeros(4)).split(0.5, stratify=True)
    with pytest.raises(UsageError, match="seed is -1"):
        unbalanced.split(0.2, seed=-1)
