"""Formulas are interned: equal terms are one object, however they are made and however much they share."""

from __future__ import annotations

import gc
import time

import numpy as np
import pytest

from mapsto.ir import formula
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, as_index, total, word


def doubled(start: Formula, depth: int) -> Formula:
    """`x = x + x`, over and over: 2^depth leaves if it were written out."""
    term = start
    for _ in range(depth):
        term = word("add", term, term)
    return term


def test_sharing_costs_nothing() -> None:
    i = Index(8)
    began = time.perf_counter()
    for depth in (20, 1000):
        first, second = doubled(Load(0, (i,)), depth), doubled(Load(0, (i,)), depth)
        assert first is second
        assert len({first, second}) == 1
    assert time.perf_counter() - began < 1  # 2^20 steps take longer, 2^1000 for ever


def test_equal_terms_are_one_object() -> None:
    i = Index(4)
    assert i * 2 + 1 is i * 2 + 1
    assert Load(0, (i,)) is Load(input=0, index=(i,), guard=None, fill=None)
    assert word("cast", i, dtype="f32") is word("cast", i, dtype="f32")
    assert Reduce("add", i, Literal(0, ""), Load(0, (i,))) is Reduce("add", i, Literal(0, ""), Load(0, (i,)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Literal(0.0, ""), Literal(-0.0, "")),
        (Literal(1, ""), Literal(True, "")),
        (Literal(1, ""), Literal(1.0, "")),
        (Literal(1.0, ""), Literal(np.float32(1), "")),
        (Literal(1, "i64"), Literal(1, "i32")),
        (Load(0, (as_index(0),)), Load(1, (as_index(0),))),
        (word("cast", as_index(1), dtype="f32"), word("cast", as_index(1), dtype="f64")),
        (word("sub", as_index(1), as_index(2)), word("sub", as_index(2), as_index(1))),
    ],
)
def test_other_terms_stay_apart(one: Formula, other: Formula) -> None:
    assert one is not other
    assert one != other


def test_nan_is_itself() -> None:
    assert Literal(float("nan"), "") is Literal(float("nan"), "")


def test_indices_are_all_different() -> None:
    """Two loops of one extent are two loops, and so are the sums over them."""
    assert Index(3) is not Index(3)
    assert total(3, as_index(0), lambda i: i) is not total(3, as_index(0), lambda i: i)


def test_what_nobody_holds_is_forgotten() -> None:
    gc.collect()
    before = len(formula._TERMS)
    term = doubled(Load(0, (Index(5),)), 30)
    assert len(formula._TERMS) == before + 31
    del term
    gc.collect()
    assert len(formula._TERMS) == before
