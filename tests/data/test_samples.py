"""The words of data sets: each is what it says of index ↦ sample, and they compose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mapsto as mt
from mapsto import data, image
from mapsto.data import Samples

SQUARES = data.from_function(10, lambda index: (float(index), index**2), name="squares")
ROWS = data.from_function(7, lambda index: {"a": np.full(3, index), "b": (index, f"row {index}")})
PAIRS = data.Dataset(np.arange(20.0).reshape(10, 2), np.arange(10) % 3, ("a", "b", "c"), "pairs")
KINDS = [
    SQUARES,
    ROWS,
    PAIRS,
    PAIRS[[3, 1, 4, 1, 5]],
    data.from_arrays(({"left": np.arange(6), "right": np.arange(12).reshape(6, 2)}, np.arange(6))),
    SQUARES.map(lambda x, y: (x + 1, -y)),
    PAIRS.zip(SQUARES),
    SQUARES.concat(SQUARES.skip(4)),
    PAIRS.concat(PAIRS.take(3)).shuffle(1),
    PAIRS.map(x=lambda key, x: x + np.asarray(mt.random.uniform(key, (2,))), seed=3),
]


def plain(value):
    """A sample as something that compares."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return np.asarray(value).tolist()


def rows_of(batch):
    """A batch ↦ its samples, by the definition of a batch."""
    if isinstance(batch, dict):
        columns = [rows_of(part) for part in batch.values()]
        return [dict(zip(batch, row, strict=True)) for row in zip(*columns, strict=True)]
    if isinstance(batch, tuple):
        return list(zip(*map(rows_of, batch), strict=True))
    return batch.tolist()


# laws that hold of every data set


@pytest.mark.parametrize("ds", KINDS, ids=repr)
def test_samples_are_a_mapping(ds):
    everything = [plain(ds[index]) for index in range(len(ds))]
    assert [plain(sample) for sample in ds] == everything == [plain(ds[index - len(ds)]) for index in range(len(ds))]
    assert [plain(s) for s in ds[1:4]] == everything[1:4] and [plain(s) for s in ds[[2, 0]]] == everything[2::-2]
    mask = np.arange(len(ds)) % 2 == 0
    assert [plain(sample) for sample in ds[mask]] == everything[::2]
    assert [plain(sample) for sample in ds.take(3)] == everything[:3]
    assert [plain(sample) for sample in ds.skip(3)] == everything[3:]
    assert ds[1:4].name == ds.name and ds.shuffle(0).classes == ds.classes


@pytest.mark.parametrize("ds", KINDS, ids=repr)
def test_a_batch_is_its_samples(ds):
    everything = [plain(sample) for sample in ds]
    batches = ds.batch(3)
    assert len(batches) == -(-len(ds) // 3) and len(ds.batch(3, drop_last=True)) == len(ds) // 3
    assert [plain(row) for batch in batches for row in rows_of(batch)] == everything
    rows = np.array([len(ds) - 1, 0, 2, 2])
    assert [plain(row) for row in rows_of(ds.gather(rows))] == [everything[row] for row in rows]


@pytest.mark.parametrize("ds", KINDS, ids=repr)
def test_shuffle_and_split_take_every_sample_once(ds):
    everything = sorted(str(plain(sample)) for sample in ds)
    assert sorted(str(plain(sample)) for sample in ds.shuffle(7)) == everything
    rest, part = ds.split(0.4, seed=1, stratify=False)
    assert len(part) == round(0.4 * len(ds))
    assert sorted(str(plain(sample)) for half in (rest, part) for sample in half) == everything


@pytest.mark.parametrize("ds", KINDS, ids=repr)
def test_words_change_nothing_of_the_set(ds):
    before = [plain(sample) for sample in ds]
    _ = ds.shuffle(1), ds.split(0.5, stratify=False), ds.batch(2)[0], ds.epoch(5), list(ds.map(lambda *parts: parts))
    assert [plain(sample) for sample in ds] == before


def test_orders_are_what_they_always_were():
    """Written down once: a change here changes what everyone trained on."""
    assert [y for _, y in SQUARES.shuffle(0)] == [9, 4, 1, 64, 36, 0, 49, 16, 25, 81]
    lazy, memory = (ds.split(0.4)[1] for ds in (data.from_function(10, int), data.Dataset(np.arange(10), np.zeros(10))))
    assert list(lazy) == memory.x.tolist() == [1, 2, 3, 8]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.integers(0, 5), st.integers(1, 40), st.data())
def test_lazy_and_in_memory_are_the_same(labels, seed, size, draw):
    y = np.array(labels)
    memory = data.Dataset(np.arange(len(y)), y)
    lazy = data.from_function(len(y), lambda index: (memory.x[index], memory.y[index]), labels=y)
    size = min(size, len(y))
    count = draw.draw(st.integers(1, len(y)))
    for word in (
        lambda ds: ds.shuffle(seed),
        lambda ds: ds.take(count),
        lambda ds: ds[::-1].skip(len(y) - count),
        lambda ds: ds.shuffle(seed)[np.arange(count)],
        lambda ds: ds.concat(ds.shuffle(seed)),
    ):
        least = size if count >= size else 1
        for left, right in zip(word(memory).batch(least), word(lazy).batch(least), strict=True):
            np.testing.assert_array_equal(left[0], right[0])
            np.testing.assert_array_equal(left[1], right[1])
    if 0 < round(0.5 * len(y)) < len(y):
        for a, b in zip(memory.split(0.5, seed), lazy.split(0.5, seed), strict=True):
            assert [int(x) for x, _ in a] == [int(x) for x, _ in b]


# map


def test_map_takes_functions_and_mappings_of_parts():
    assert plain(SQUARES.map(lambda x, y: {"sum": x + y})[3]) == {"sum": 12.0}
    assert plain(SQUARES.map(x=lambda x: -x)[3]) == (-3.0, 9)
    assert plain(SQUARES.map(x=lambda x: -x, y=str)[3]) == (-3.0, "9")
    assert plain(ROWS.map(lambda row: row["b"][0])[5]) == 5
    scaled = PAIRS.map(x=image.scale(0.5))
    assert isinstance(scaled[1][0], mt.Array) and plain(scaled.batch(2)[0][0]) == [[0.0, 0.5], [1.0, 1.5]]


def test_labels_survive_what_leaves_them_alone():
    assert PAIRS.map(x=lambda x: x).shuffle(3).labels.tolist() == [int(y) for _, y in PAIRS.shuffle(3)]
    assert PAIRS.map(y=lambda y: y).labels is None and PAIRS.map(lambda x, y: (x, y)).labels is None
    _, part = PAIRS.map(x=lambda x: x).split(0.3)
    assert sorted(int(y) for _, y in part) == [0, 1, 2]
    assert PAIRS.concat(PAIRS).labels.tolist() == [*PAIRS.y, *PAIRS.y]


def test_randomness_is_by_seed_epoch_and_sample():
    noisy = SQUARES.map(lambda key, x, y: x + float(mt.random.uniform(key)), seed=1)
    drawn = [float(value) for value in noisy]
    assert drawn == [float(value) for value in noisy] and len({round(v % 1, 6) for v in drawn}) == 10
    assert [float(noisy.shuffle(4)[i]) for i in range(10)] == [drawn[int(x)] for x, _ in SQUARES.shuffle(4)]
    assert plain(noisy.batch(4)[1]) == plain(np.array(drawn[4:8]))
    assert noisy.epoch(1)[3] != noisy[3] == noisy.epoch(0)[3] == noisy.epoch(1).epoch(0)[3]
    other = SQUARES.map(lambda key, x, y: x + float(mt.random.uniform(key)), seed=2)
    assert other[3] != noisy[3]
    chained = noisy.shuffle(1).batch(2).map(lambda b: b).zip(noisy.take(5)).concat(noisy.take(5).zip(noisy.take(5)))
    assert plain(chained.epoch(1)[0][1]) == plain(noisy.epoch(1)[0]) != plain(chained[0][1])
    both = SQUARES.map(
        x=lambda key, x: float(mt.random.uniform(key)), y=lambda key, y: float(mt.random.uniform(key)), seed=0
    )
    assert both[2][0] == both[2][1], "a picture and its mask are turned alike"
    # Written down once: what is drawn is the same on every machine.
    assert [round(value % 1, 6) for value in drawn[:3]] == [0.890513, 0.402131, 0.12837]


def test_an_error_in_a_function_says_which_sample():
    def fails(x, y):
        raise ZeroDivisionError("no")

    with pytest.raises(ZeroDivisionError, match="no") as caught:
        SQUARES.shuffle(0).map(fails)[2]
    assert caught.value.__notes__ == ["while sample 1 of the data set squares was mapped"]
    assert "fails" in [entry.name for entry in caught.traceback]


# zip, concat, readable


def test_zip_makes_pairs_of_two_sets():
    pictures, labels = data.from_arrays(np.arange(6.0).reshape(3, 2)), data.from_arrays(np.array([1, 0, 1]))
    x, y = pictures.zip(labels).batch(2)[0]
    assert x.tolist() == [[0, 1], [2, 3]] and y.tolist() == [1, 0]


def test_readable_counts_what_it_leaves_out():
    def read(index):
        if index % 3 == 1:
            raise mt.FormatError("IMAGE-01", path=f"{index}.png", start="00")
        if index == 6:
            raise mt.LimitError("READ-03", path="6.png", limit=5)
        return index

    good = data.from_function(8, read).readable()
    assert list(good) == [0, 2, 3, 5] and [one.where for one in good.skipped] == [f"sample {i}" for i in (1, 4, 6, 7)]
    assert "neither PNG nor JPEG" in good.skipped[0].reason
    assert list(good.shuffle(0).map(lambda value: 2 * value).take(2)) == [
        2 * value for value in good.shuffle(0).take(2)
    ]
    with pytest.raises(ZeroDivisionError):  # a mistake in the code is no bad sample
        data.from_function(3, lambda index: 1 // index).readable()
    with pytest.raises(mt.DataError, match="no sample can be made"):
        data.from_function(8, read)[[1, 4]].readable()


# what is refused (fault 25: empty sets, batches larger than the set)


@pytest.mark.parametrize(
    "call, error, code",
    [
        (lambda: SQUARES[3:3], mt.DataError, "DATA-02"),
        (lambda: SQUARES.take(0), mt.DataError, "DATA-06"),
        (lambda: SQUARES.take("3"), mt.UsageError, "ARG-01"),
        (lambda: SQUARES.skip(2.5), mt.UsageError, "ARG-01"),
        (lambda: SQUARES[[1, [2]]], mt.UsageError, "DATA-09"),
        (lambda: SQUARES.split("0.1"), mt.DataError, "DATA-07"),
        (lambda: data.from_function(4, lambda i: i if i else 0.5).batch(4)[0], mt.DataError, "DATA-10"),
        (lambda: PAIRS.concat(PAIRS.map(x=np.float32)).gather(np.array([0, 10])), mt.DataError, "DATA-10"),
        (lambda: data.from_csv(5, "y"), mt.UsageError, "ARG-01"),
        (lambda: SQUARES.skip(10), mt.DataError, "DATA-06"),
        (lambda: SQUARES.batch(11), mt.DataError, "DATA-12"),
        (lambda: SQUARES.batch(0), mt.UsageError, "ARG-01"),
        (lambda: SQUARES[10], mt.IndexRangeError, "USE-04"),
        (lambda: SQUARES["x"], mt.UsageError, "DATA-09"),
        (lambda: SQUARES.shuffle(-1), mt.UsageError, "ARG-01"),
        (lambda: SQUARES.split(0.5, stratify=True), mt.UsageError, "DATA-16"),
        (lambda: SQUARES.split(2), mt.DataError, "DATA-07"),
        (lambda: SQUARES.split(0.01), mt.DataError, "DATA-08"),
        (lambda: SQUARES.zip(ROWS), mt.DataError, "DATA-03"),
        (lambda: SQUARES.zip([1, 2]), mt.UsageError, "DATA-21"),
        (lambda: SQUARES.concat(PAIRS), mt.DataError, "DATA-19"),
        (lambda: SQUARES.concat(np.zeros(3)), mt.UsageError, "DATA-21"),
        (lambda: SQUARES.concat(ROWS).batch(12)[0], mt.DataError, "DATA-10"),
        (lambda: SQUARES.map(), mt.UsageError, "ARG-03"),
        (lambda: SQUARES.map(3), mt.UsageError, "ARG-03"),
        (lambda: SQUARES.map(str, x=str), mt.UsageError, "ARG-03"),
        (lambda: ROWS.map(y=str)[0], mt.UsageError, "DATA-17"),
        (lambda: SQUARES.map(lambda x, y: None)[0], mt.UsageError, "DATA-18"),
        (lambda: SQUARES.map(lambda x, y: np.zeros(int(x))).batch(3)[0], mt.DataError, "DATA-10"),
        (lambda: SQUARES.map(lambda x, y: b"bytes").batch(3)[0], mt.DataError, "DATA-11"),
        (lambda: SQUARES.map(lambda x, y: object()).batch(3)[0], mt.DataError, "DATA-11"),
        (lambda: SQUARES.map(lambda x, y: [[1], [1, 2]]).batch(3)[0], mt.DataError, "DATA-11"),
        (lambda: data.from_function(0, int), mt.UsageError, "ARG-01"),
        (lambda: data.from_function(3, "f"), mt.UsageError, "ARG-03"),
        (lambda: data.from_function(3, int, labels=[1, 2]), mt.DataError, "DATA-03"),
        (lambda: data.from_arrays((np.zeros(3), {"a": np.zeros(4)})), mt.DataError, "DATA-03"),
        (lambda: data.from_arrays(np.zeros((0, 3))), mt.DataError, "DATA-02"),
        (lambda: data.from_arrays({}), mt.DataError, "DATA-02"),
        (lambda: data.from_arrays((np.zeros(3), np.array([None] * 3))), mt.DataError, "DATA-05"),
        (lambda: data.from_arrays((np.zeros(2), np.array([0, 3])), classes=("a", "b")), mt.DataError, "DATA-04"),
    ],
)
def test_refused(call, error, code):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.code == code


def test_a_set_of_ones_own_needs_a_length_and_samples():
    with pytest.raises(TypeError, match="without __len__ and sample"):
        Samples()  # type: ignore[abstract]


def test_a_joined_set_says_which_part_a_sample_is_of():
    class Named(Samples):
        classes = ()

        def __init__(self, name):
            self.name = name

        def __len__(self):
            return 2

        def sample(self, index):
            raise mt.DataError("DATA-02", name=self.where(index)) if index else mt.DataError("DATA-02", name=self.name)

        def where(self, index):
            return f"{self.name} {index}"

    joined = Named("left").concat(Named("right"), SQUARES)
    assert [each.where for each in joined.readable().skipped] == ["left 0", "left 1", "right 0", "right 1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"function": lambda s: s}, "<lambda> does not take x and y"),
        ({"function": lambda x, y: (x, y), "seed": 0}, "does not take a key and x and y"),
        ({"x": lambda x, y: x}, "does not take one value"),
    ],
)
def test_functions_of_another_number_of_arguments(words, message):
    with pytest.raises(mt.UsageError, match=f"{message}.*DATA-23"):
        PAIRS.map(**words)[0]
    with pytest.raises(TypeError) as error:  # its own errors stay what they are
        PAIRS.map(lambda x, y: len(3))[0]
    assert not isinstance(error.value, mt.MapstoError)


def test_a_data_set_that_lacks_what_makes_it_one():
    class Torch(data.Samples):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return index

    with pytest.raises(mt.UsageError, match=r"Torch is a data set without sample(.|\n)*instead of __getitem__"):
        Torch()

    class Empty(data.Samples):
        pass

    with pytest.raises(mt.UsageError, match="without __len__ and sample"):
        Empty()


def test_what_derived_sets_look_like():
    assert repr(SQUARES.batch(4)) == "Batched(squares: 3 batches of 4, from Lazy(squares: 10 samples))"
    made = SQUARES.map(x=abs, y=lambda y: -y)
    assert repr(made) == "Mapped(squares: 10 samples by x=abs, y=<lambda>, from Lazy(squares: 10 samples))"

    class Nameless(data.Samples):
        def __len__(self):
            return 3

        def sample(self, index):
            return index

    assert repr(Nameless()) == "Nameless(data: 3 samples)"


def test_sets_made_of_others_know_what_was_skipped():
    def read(index):
        if index in (1, 4):
            raise mt.DataError("DATA-02", name=f"sample {index}")
        return index

    good = data.from_function(6, read, name="good").readable()
    rest, part = good.split(0.5)
    for made in (good.map(abs), rest, part, good.take(2), good.take(3).shuffle(), good.batch(2), good.map(abs)[[0]]):
        assert made.skipped == good.skipped
    assert rest.concat(part).skipped == good.zip(good.map(abs)).skipped == good.skipped, "each counts once"
    other = data.from_function(6, read, name="other").readable()
    assert good.concat(other).skipped == good.zip(other).skipped == (*good.skipped, *other.skipped)
    assert SQUARES.map(abs).skipped == SQUARES.concat(SQUARES).skipped == ()


def test_sets_of_one_name_are_the_first_and_the_second():
    with pytest.raises(mt.DataError, match="the first has 10 samples and the second has 9"):
        data.from_function(10, abs).zip(data.from_function(9, abs))
    with pytest.raises(mt.DataError, match="squares has 10 samples and other has 9"):
        SQUARES.zip(data.from_function(9, abs, name="other"))
