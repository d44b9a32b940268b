"""Fields of primitives: given as those of a dataclass, frozen, compared by class and value, hashed once."""

import copy
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest

from mapsto.ir.primitive import PRIMITIVES, Primitive, attributes
from mapsto.prims.cumulative import CumProd, CumSum
from mapsto.prims.elementary import Exp, Log
from mapsto.prims.layout import Flip, Slice, Transpose
from mapsto.prims.random import FoldKey, RandomBits
from mapsto.prims.reduce import Sum

SLICE = Slice((0,), (3,), (1,))
ALL = [case.primitive for kind in PRIMITIVES.values() for case in kind.cases()]


def test_fields_come_by_position_or_by_name() -> None:
    assert SLICE == Slice((0,), step=(1,), stop=(3,)) == Slice(start=(0,), stop=(3,), step=(1,))
    assert (SLICE.start, SLICE.stop, SLICE.step) == ((0,), (3,), (1,))
    assert RandomBits((2,)) == RandomBits((2,), 0) == RandomBits(shape=(2,), batch_axes=0) != RandomBits((2,), 1)
    assert FoldKey().batch_axes == 0


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (((0,), (3,)), {}),
        (((0,), (3,), (1,), (1,)), {}),
        (((0,), (3,), (1,)), {"start": (0,)}),
        (((0,), (3,)), {"stride": (1,)}),
        ((), {"start": (0,)}),
    ],
)
def test_fields_that_do_not_fit_are_refused(values: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"Slice takes \(start, stop, step\)"):
        Slice(*values, **named)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PRIMITIVES)
def test_the_number_of_inputs_is_that_of_the_cases(name: str) -> None:
    kind = PRIMITIVES[name]
    counts = {len(case.inputs) for case in kind.cases()}
    with_bodies = kind.inner is not Primitive.inner  # one kind for any number of inputs, each body for its own
    assert counts == {kind.arity} if kind.arity is not None else len(counts) > 1 or with_bodies


def test_equality_is_by_class_and_fields() -> None:
    again, other = Slice((0,), (3,), (1,)), Slice((0,), (3,), (2,))
    assert again == SLICE and hash(again) == hash(SLICE) and other != SLICE
    assert Flip((0,)) != Transpose((0,)) and Exp() != Log() and CumSum(0, False) != CumProd(0, False)
    assert SLICE != ((0,), (3,), (1,)) and SLICE.__eq__(1) is NotImplemented
    assert len({Exp(), Exp(), Log(), Sum((0,)), Sum((0,)), Sum((1,))}) == 4


def test_a_field_must_be_hashable() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        Sum([0])  # type: ignore[arg-type]


def test_fields_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError, match="start"):
        SLICE.start = (1,)  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="start"):
        del SLICE.start
    with pytest.raises(FrozenInstanceError, match="other"):
        SLICE.other = 1  # type: ignore[attr-defined]
    assert SLICE.start == (0,)


def test_kinds_hand_down_their_fields_in_order() -> None:
    assert CumSum.fields == ("axis", "reverse") and Sum.fields == ("axes",) and Exp.fields == ()
    assert PRIMITIVES["put_add"].fields == ("batch_axes", "size")  # of its kind, then its own
    assert PRIMITIVES["weaken"].fields == ("dtype",) and "wrt" not in PRIMITIVES["contract"].fields


def test_patterns_match_fields_by_position() -> None:
    match SLICE:
        case Slice(start, stop):
            assert (start, stop) == ((0,), (3,))
        case _:
            pytest.fail("not matched")


def test_repr_is_the_call_that_makes_it() -> None:
    assert repr(SLICE) == "Slice(start=(0,), stop=(3,), step=(1,))" and repr(Exp()) == "Exp()"


@pytest.mark.parametrize("primitive", ALL, ids=repr)
def test_copies_are_equal(primitive: Primitive) -> None:
    for other in (copy.copy(primitive), copy.deepcopy(primitive), pickle.loads(pickle.dumps(primitive))):
        assert other == primitive and hash(other) == hash(primitive) and attributes(other) == attributes(primitive)


def test_a_pickle_is_hashed_anew_in_another_process() -> None:
    """Strings hash differently there, so that a hash from here would find nothing."""
    code = (
        "import pickle; from mapsto.prims.literal import Const;"
        f"found = pickle.loads({pickle.dumps(PRIMITIVES['const']('0.5', 'f32'))!r});"
        "print(found in {Const('0.5', 'f32')})"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"
