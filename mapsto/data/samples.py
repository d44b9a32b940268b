"""The protocol of data sets: index ↦ sample, and the words that make new data sets of old ones."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.core.check import whole_number
from mapsto.core.errors import DataError, IndexRangeError, UsageError
from mapsto.core.names import missing
from mapsto.data.draw import random_order, split_rows
from mapsto.data.stack import stacked

Array = np.ndarray[Any, Any]

# The words make data sets of classes of their own; `derived` enters how, by word.
WORDS: dict[str, Callable[..., Any]] = {}


@dataclass(frozen=True)
class Skipped:
    """A sample that was left out by `on_error="skip"` or `readable`: which, and why. Sets made of others pass it on."""

    where: str
    reason: str


class Samples(ABC):
    """A finite mapping index ↦ sample: the base of every data set, in memory or lazy.

    A sample is any tree of tuples and dicts with arrays, numbers or words at its leaves: x alone, a pair (x, y), or
    what a step of one's own takes. `Learner.fit` takes samples (x, y), where x may be a tuple of several inputs.

    A data set of one's own says its length and how it makes a sample; everything else follows: `map`, `batch`,
    `shuffle`, `split`, `take`, `skip`, `zip`, `concat`, indexing, iteration, `fit`. Data sets cannot be changed: every
    word yields another one, and nothing is read, copied or computed before a sample is asked for.

    >>> class Squares(Samples):
    ...     name, classes = "squares", ()
    ...     def __len__(self):
    ...         return 5
    ...     def sample(self, index):
    ...         return index, index**2
    >>> Squares()[3], list(Squares().skip(3)), Squares().batch(4)[0]
    ((3, 9), [(3, 9), (4, 16)], (array([0, 1, 2, 3]), array([0, 1, 4, 9])))
    """

    name: str
    classes: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if inspect.isabstract(cls):
            fix = "define __len__(self), and sample(self, index) ↦ (x, y)"
            if cls is not Samples and "__getitem__" in vars(cls):
                fix = "call it sample(self, index) instead of __getitem__: indexing, slices and all else follow"
            lacking = " and ".join(sorted(cls.__abstractmethods__))
            raise UsageError("DATA-24", name=cls.__name__, missing=lacking, fix=fix)
        return super().__new__(cls)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return missing(self, "Samples", name)

    @abstractmethod
    def __len__(self) -> int:
        """The number of samples."""

    @abstractmethod
    def sample(self, index: int) -> Any:
        """An index, 0 ≤ index < len ↦ the sample: always the same one."""

    def gather(self, rows: Array) -> Any:
        """Indices i64[k] ↦ the batch: the tree of a sample, with an axis of extent k before the others."""
        return stacked([self.sample(int(row)) for row in rows], rows, self.name)

    @property
    def labels(self) -> Array | None:
        """The class labels i64[n], where they are known without making the samples; else None."""
        return None

    @property
    def batched(self) -> bool:
        """Whether its samples are batches, made by `batch`."""
        return False

    def epoch(self, number: int) -> Samples:
        """The same data set, with what is random in it drawn for another epoch; `fit` asks for it."""
        return self

    def where(self, index: int) -> str:
        """What a message calls the sample: its file, if it has one."""
        return f"sample {index}"

    def __getitem__(self, index: Any) -> Any:
        """An integer ↦ the sample; a slice, a list or array of integers, or a mask ↦ the data set of these.

        Negative integers count from the end. Raises IndexRangeError (USE-04); UsageError (DATA-09) for other kinds of
        index; DataError (DATA-02) where nothing is selected.
        """
        if isinstance(index, int | np.integer) and not isinstance(index, bool):
            self._check_range(int(index))
            return self.sample(int(index) % len(self))
        if isinstance(index, slice):
            return self._at(index)
        if isinstance(index, list | np.ndarray):
            try:
                chosen = np.asarray(index)
            except ValueError:  # NumPy's word for lists of unequal length
                chosen = np.array(None)
            if chosen.ndim == 1 and (chosen.dtype.kind in "iu" or chosen.size == 0):
                for extreme in (chosen.min(), chosen.max()) if chosen.size else ():
                    self._check_range(int(extreme))
                return self._at(chosen.astype(np.int64))
            if chosen.dtype == np.bool_ and chosen.shape == (len(self),):
                return self._at(np.flatnonzero(chosen))
        fix = f"index it with an integer, a slice, a 1-d array of integers, or a mask of {len(self)} booleans"
        raise UsageError("DATA-09", index=f"{index!r:.60}", fix=fix)

    def __iter__(self) -> Iterator[Any]:
        """The samples, in order."""
        return map(self.sample, range(len(self)))

    def __repr__(self) -> str:
        names: tuple[str, ...] = getattr(self, "classes", ())
        classes = f", {len(names)} classes" if names else ""
        return f"{type(self).__name__}({getattr(self, 'name', 'data')}: {len(self)} samples{classes})"

    # parts

    def take(self, n: int) -> Any:
        """n ↦ the data set of the first n samples, 1 ≤ n ≤ len.

        Raises DataError (DATA-06) for any other n, UsageError (ARG-01) for what is no whole number.
        """
        n = self._count("take", n)
        if not 1 <= n <= len(self):
            raise DataError("DATA-06", verb="take", count=n, total=len(self), fix=f"take 1 to {len(self)} of them")
        return self._at(slice(n))

    def skip(self, n: int) -> Any:
        """n ↦ the data set without its first n samples, 0 ≤ n < len. Errors are those of `take`."""
        n = self._count("skip", n)
        if not 0 <= n < len(self):
            raise DataError("DATA-06", verb="skip", count=n, total=len(self), fix=f"skip 0 to {len(self) - 1} of them")
        return self._at(slice(n, None))

    def shuffle(self, seed: int = 0) -> Any:
        """A seed ↦ the same samples in a random order: for one seed the same on every machine.

        `fit` shuffles by itself, anew in every epoch. Raises UsageError (ARG-01) for a negative seed.
        """
        return self._at(random_order(len(self), whole_number("shuffle", "seed", seed, least=0)))

    def split(self, fraction: float, seed: int = 0, stratify: bool | None = None) -> tuple[Any, Any]:
        """fraction ↦ (rest, part): `part` holds round(fraction · n) samples drawn by the seed, `rest` the others.

        The same seed draws the same samples on every machine, with every version of NumPy. Both keep the order of the
        samples. With `stratify`, each class has its share: of n_c samples, `part` gets fraction · n_c rounded down
        or up, whichever makes the total exact. By default that is done where the labels are known.

        Raises DataError for a fraction outside (0, 1) (DATA-07), or one that leaves either side empty (DATA-08);
        UsageError for `stratify=True` without labels (DATA-16), and for a negative seed (ARG-01).
        """
        labels = self.labels
        if stratify and labels is None:
            fix = "use stratify=False, or labels of integers"
            raise UsageError("DATA-16", name=self.name, found=self._targets(), fix=fix)
        rest, part = split_rows(len(self), fraction, seed, labels if stratify or stratify is None else None)
        return self._at(rest), self._at(part)

    # made of others

    def map(
        self,
        function: Callable[..., Any] | None = None,
        *,
        x: Callable[..., Any] | None = None,
        y: Callable[..., Any] | None = None,
        seed: int | None = None,
    ) -> Any:
        """A function or mapping ↦ the data set of what it makes of each sample, made when it is asked for.

        `map(f)` has samples f(x, y) where a sample is a pair, f(sample) where it is none. `map(x=f)` maps the inputs
        and keeps the targets; `map(y=f)` the other way round.

        With a `seed`, the functions take a key first: f(key, x, y), or x=f(key, x) and y=g(key, y) with the same key.
        It is a function of seed, epoch and index alone, so neither order nor batch size changes what is drawn.
        `mt.random.uniform(key)` and others take it; for NumPy it is a seed: `np.random.default_rng(np.asarray(key))`.

        Raises UsageError (DATA-17) for nothing to map, or y where samples are no pairs.

        >>> from mapsto import data
        >>> numbers = data.from_function(3, lambda index: (index, index % 2))
        >>> list(numbers.map(lambda x, y: (10 * x, y))), list(numbers.map(y=lambda y: -y))
        ([(0, 0), (10, 1), (20, 0)], [(0, 0), (1, -1), (2, 0)])
        """
        return WORDS["map"](self, function, x, y, seed)

    def batch(self, n: int, drop_last: bool = False) -> Any:
        """n ↦ the data set of batches of n samples, the last one smaller or, with `drop_last`, left out.

        For loops of one's own: `fit` makes its batches itself. Raises DataError (DATA-12) for more than there are.

        >>> from mapsto import data
        >>> [x.tolist() for x in data.from_function(5, lambda index: index).batch(2)]
        [[0, 1], [2, 3], [4]]
        """
        return WORDS["batch"](self, n, drop_last)

    def zip(self, other: Samples) -> Any:
        """Another data set of the same length ↦ the data set of pairs, index ↦ (self[index], other[index]).

        Raises DataError (DATA-03) where the lengths differ.

        >>> from mapsto import data
        >>> list(data.from_function(2, lambda index: index).zip(data.from_function(2, str)))
        [(0, '0'), (1, '1')]
        """
        return WORDS["zip"](self, other)

    def concat(self, *others: Samples) -> Any:
        """Other data sets ↦ the data set of all their samples, one set after another.

        Raises DataError (DATA-19) where the classes differ.

        >>> from mapsto import data
        >>> list(data.from_function(2, lambda index: index).concat(data.from_function(2, str)))
        [0, 1, '0', '1']
        """
        return WORDS["concat"](self, *others)

    def readable(self) -> Any:
        """The data set of the samples that can be made: it makes each once, and leaves out those that fail.

        Only DataError, FormatError and LimitError count; `.skipped` says which samples failed, and why.

        >>> from mapsto import DataError, data
        >>> def read(index):
        ...     if index == 1:
        ...         raise DataError("DATA-02", name="sample 1")
        ...     return index
        >>> good = data.from_function(3, read).readable()
        >>> list(good), len(good.skipped)
        ([0, 2], 1)
        """
        return WORDS["readable"](self)

    def _at(self, rows: slice | Array) -> Any:
        """The data set of some rows."""
        return WORDS["rows"](self, rows)

    def _targets(self) -> str:
        return "none that are known without making the samples"

    def _count(self, verb: str, n: Any) -> int:
        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise UsageError("ARG-01", function=verb, name="n", value=n, wanted="a whole number of samples")
        return int(n)

    def _check_range(self, index: int) -> None:
        if not -len(self) <= index < len(self):
            fix = f"use an index from 0 to {len(self) - 1}"
            raise IndexRangeError("USE-04", index=index, extent=len(self), fix=fix)
