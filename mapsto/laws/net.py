"""The laws of mappings: examples of a batch apart, states that only training moves, a file that holds the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.array.random import key
from mapsto.compose.declare import Declared
from mapsto.compose.frame import CallFrame
from mapsto.compose.mapping import Mapping, behaves_differently
from mapsto.compose.modes import training
from mapsto.core.errors import MapstoError
from mapsto.core.tree import Tree, containers, flatten
from mapsto.files.answer import load
from mapsto.files.mixing import mixing_layer
from mapsto.files.write import save
from mapsto.laws.case import NET, Case, DoesNotApply, Numbers, numbered, numbers_of, training_case
from mapsto.laws.compare import Difference, difference
from mapsto.laws.report import Counterexample
from mapsto.laws.running import Tell, differing, told, wide_part

KEY = 0
WIDTH = 80
# A file holds one mapping from one array to one array; more going in or out is no mistake.
OTHER_KINDS = {"SAVE-01", "SAVE-07", "SAVE-15"}


def mapping_of(case: Case) -> Mapping:
    if case.mapping is None:
        raise DoesNotApply("a law of mappings, and this is a function")
    return case.mapping


def trains(case: Case) -> Mapping:
    """The mapping of a case, if some part of it has a training mode."""
    mapping = mapping_of(case)
    if not any(map(behaves_differently, parts(mapping))):
        raise DoesNotApply("no part behaves differently in training")
    return mapping


def parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Tree):
        yield value
    for _, part in containers(value) or ():
        yield from parts(part)


def examples_mix(case: Case) -> Tell | None:
    """Every row alone, and the batch turned round, against the rows of the batch."""
    mapping = mapping_of(case)
    count = case.extent
    if count is None:
        raise DoesNotApply("what goes in has no batch axis in common")
    if count == 1:
        case, count = repeated(case), 2
    part, together = wide_part(case), case.values()
    if any(array.shape[:1] != (count,) for array in together.values()):
        raise DoesNotApply("what comes out has no batch axis")
    turned = case.rows(slice(None, None, -1)).values()
    for number in range(count):
        wanted = {path: array[number] for path, array in together.items()}
        backwards = {path: array[count - 1 - number] for path, array in turned.items()}
        alone: dict[str, Numbers] = {}
        for path, array in case.rows(slice(number, number + 1)).values().items():
            alone[path] = array[0] if len(array) == 1 else array
        for found, how in ((alone, "alone"), (backwards, "in the batch turned round")):
            broken = difference(found, wanted, part)
            if broken is not None:
                layer = mixing(mapping, case)
                remark = f"expected is row {number} {how}, found is the same row of the batch{layer}"
                return told(case, replace(broken, place=f"row {number}: {broken.place}"), remark)
    return None


def repeated(case: Case) -> Case:
    """A batch of one ↦ a batch of two: the example, and the same turned round along its other axes."""
    changed: dict[int, Array] = {}
    for i in case.examples:
        array = np.asarray(case.arrays[i])
        turned = np.flip(array, tuple(range(1, array.ndim)))
        changed[i] = numbered(np.concatenate([array, turned]))
    return case.having(changed)


def mixing(mapping: Mapping, case: Case) -> str:
    """Which layer mixes examples, in words; nothing if that is not found."""
    if len(case.examples) != 1:
        return ""
    try:
        net = case.trees(case.arrays)[NET]
        path = mixing_layer(net, CallFrame(), case.arrays[case.examples[0]])
    except MapstoError:
        return ""
    return f"; {path} mixes them" if path else ""


def training_has_hidden_randomness(case: Case) -> Tell | None:
    """Training twice with one key: the same result and the same states, bit by bit."""
    _ = in_training(case)
    first, second = trained(case), trained(case)
    broken = difference(first, second, 0, root="")
    return told(case, broken, "expected is the first call with a key, found the second with the same key")


def trained(case: Case) -> dict[str, Numbers]:
    """The result of training mode, and the arrays of the net that comes with it."""
    net, *given = case.trees(case.arrays).values()
    result, changed = training(net)(key(KEY), *given)
    leaves = flatten({"result": result, NET: changed})[0]
    return {leaf.path: np.asarray(asarray(leaf.value)) for leaf in leaves if not isinstance(leaf.value, Declared)}


def states_move_elsewhere(case: Case) -> Tell | None:
    """Evaluation changes nothing in the net; training changes states alone, and those in the net it returns."""
    mapping = mapping_of(case)
    before = held(mapping)
    case.values()
    broken = difference(before, held(mapping), 0, root="")
    if broken is not None:
        return told(case, broken, "evaluation changed it")
    try:
        _ = in_training(case)
    except DoesNotApply:
        return None
    net, *given = case.trees(case.arrays).values()
    _, changed = training(net)(key(KEY), *given)
    broken = difference(before, held(mapping), 0, root="")
    if broken is not None:
        return told(case, broken, "training changed the net that was given to it")
    fixed, after = held(net, states=False), held(changed, states=False)
    return told(case, difference(fixed, after, 0, root=""), "training changed what is no state")


def held(mapping: Mapping, states: bool = True) -> dict[str, Numbers]:
    """The arrays of a mapping by path, as they are now; without `states`, those that training must leave alone."""
    leaves = [leaf for leaf in flatten({NET: mapping})[0] if not isinstance(leaf.value, Declared)]
    return {leaf.path: np.array(asarray(leaf.value)) for leaf in leaves if states or leaf.kind != "state"}


def file_differs(case: Case) -> Tell | None:
    """What `mt.save` writes and `mt.load` reads, against the mapping."""
    mapping = mapping_of(case)
    _, *given = case.trees(case.arrays).values()
    if max(len(given), len(case.examples)) > 1:
        raise DoesNotApply(f"a file takes one array, and this takes {max(len(given), len(case.examples))}")
    example = given[0] if isinstance(given[0], Array) else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.mapsto")
        try:
            save(mapping, path, example=example)
            made = load(path)(given[0])
        except MapstoError as problem:
            if problem.code in OTHER_KINDS or problem.code.startswith("TRACE"):
                raise DoesNotApply(f"no file can hold it: {problem.headline}") from problem
            remark = f"{problem.code}: {problem.fix}"
            return partial(Counterexample, {}, "mt.save", "a file that holds the same", problem.headline, remark)
    wanted = case.result()
    if flatten(made)[1] != flatten(wanted)[1]:
        return told(case, Difference("the result", shortened(wanted), shortened(made)))
    wanted, found = numbers_of(wanted), numbers_of(made)
    return told(case, differing(case, wanted, found), "expected is the mapping, found what the loaded file makes")


def shortened(value: Any) -> str:
    """What a value looks like, on one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= WIDTH else f"{text[:WIDTH]} …"


def in_training(case: Case) -> Case:
    """The case in training mode. Raises DoesNotApply if it has none, or that refuses the example."""
    _ = trains(case)
    made = training_case(case, key(KEY))
    try:
        made.values()
    except MapstoError as problem:
        raise DoesNotApply(f"training refuses the example: {problem.headline}") from problem
    return made
