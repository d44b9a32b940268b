"""A request's body ↦ the examples in it, according to its Content-Type and to what the model takes."""

from __future__ import annotations

import base64
import binascii
from itertools import chain
from typing import Any

import numpy as np

from mapsto.core.errors import FormatError, LimitError, ShapeError, UsageError
from mapsto.core.spec import BOOL, Spec, float_info, is_float
from mapsto.server.cost import check_pixels, check_values, value_in
from mapsto.server.model import Item, Numbers, Served
from mapsto.server.parts import parts_of
from mapsto.text.numbered import Numbered

JSON, MULTIPART = "application/json", "multipart/form-data"
FORMS = '{"example": …} holds one example, {"examples": […, …]} several'
PICTURES = ("image/png", "image/jpeg", "application/octet-stream")


def media_types(served: Served) -> tuple[str, ...]:
    """The Content-Types that a model takes, the plainest first."""
    raw = {"picture": PICTURES, "text": ("text/plain",), "numbers": ()}[served.takes]
    return (*raw, *((MULTIPART,) if raw else ()), JSON)


def examples_in(served: Served, content_type: str, body: bytes, most: int) -> tuple[list[Item], bool]:
    """A body ↦ its examples, `most` at the most, and whether it may have had several.

    Raises UsageError (SERVE-04) for a Content-Type that the model does not take, FormatError (SERVE-05, SERVE-06) for
    a body that does not read, LimitError for more examples (SERVE-07), pixels (SERVE-11) or JSON (SERVE-12) than a
    request may have, ShapeError (SERVE-09) for other examples.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in media_types(served):
        fix = f"send one of {', '.join(media_types(served))}"
        raise UsageError("SERVE-04", found=kind[:80] or "no Content-Type", name=served.name, fix=fix)
    items: list[Item]
    if kind == JSON:
        items, several = from_json(served, body, most)
    else:
        several = kind == MULTIPART
        items = [*parts_of(content_type, body, most)] if several else [body]
    if served.takes == "picture":
        check_pixels(items, served.max_pixels)
    return items, several


def from_json(served: Served, body: bytes, most: int) -> tuple[list[Item], bool]:
    """`{"example": …}` or `{"examples": […, …]}` ↦ the examples, and whether it was the latter."""
    check_values(served, body, most)
    value, fix = json_in(body), FORMS
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= {"example", "examples"}:
        raise ShapeError("SERVE-09", detail="it is to be an object with the one key example or examples", fix=fix)
    if "example" in value:
        return [from_value(served, value["example"], "example")], False
    listed = value["examples"]
    if not isinstance(listed, list) or not listed:
        raise ShapeError("SERVE-09", detail="examples is to be a list of one or more", fix=fix)
    if len(listed) > most:
        raise LimitError("SERVE-07", limit=most, fix="send them in several requests")
    return [from_value(served, one, f"examples[{place}]") for place, one in enumerate(listed)], True


def json_in(body: bytes) -> Any:
    """UTF-8 ↦ what JSON it is. Raises FormatError (SERVE-05)."""
    try:
        return value_in(body)
    except ValueError as problem:
        raise FormatError("SERVE-05", reason=str(problem)[:200], fix=FORMS) from problem


def from_value(served: Served, value: Any, where: str) -> Item:
    """What JSON has for one example: text, a picture in base64, or numbers as the net takes them."""
    if not isinstance(value, str):
        return numbers_from(value, served.input, where, bounds_of(served))
    if served.takes == "text":
        return value
    if served.takes == "picture":
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as problem:
            detail = f"{where} is no base64: {problem}"
            raise ShapeError("SERVE-09", detail=detail, fix="a picture's bytes in base64") from problem
    raise ShapeError("SERVE-09", detail=f"{where} is text", fix=f"the model takes numbers, {served.input}")


def numbers_from(value: Any, spec: Spec, where: str, within: tuple[float, float] | None = None) -> Numbers:
    """Nested lists ↦ an array of exactly that spec. Raises ShapeError (SERVE-09): nothing is rounded, cut or guessed.

    `within` has the least and the largest number that it may hold; by default its element type says so.

    >>> numbers_from([[1, 2.5]], Spec(np.dtype(np.float32), (1, 2)), "example").tolist()
    [[1.0, 2.5]]
    """
    fix = f"the model takes {spec}"
    flat: list[Any] = [value]
    for axis, extent in enumerate(spec.shape):
        if not all(type(one) is list and len(one) == extent for one in flat):
            detail = f"{where} is to have {extent} elements along axis {axis}, everywhere"
            raise ShapeError("SERVE-09", detail=detail, fix=fix)
        flat = list(chain.from_iterable(flat))
    kinds = set(map(type, flat))
    if not kinds <= ({bool} if spec.dtype == BOOL else {int, float}):
        wanted = "true and false" if spec.dtype == BOOL else "numbers"
        raise ShapeError("SERVE-09", detail=f"{where} is to hold {wanted} and nothing else", fix=fix)
    least, most = within or bounds(spec)
    if flat and not (least <= min(flat) and max(flat) <= most):
        raise ShapeError("SERVE-09", detail=f"{where} is to lie between {least} and {most}", fix=fix)
    if spec.dtype != BOOL and not is_float(spec.dtype) and not all(float(one).is_integer() for one in flat):
        raise ShapeError("SERVE-09", detail=f"{where} is to hold whole numbers", fix=fix)
    if not is_float(spec.dtype):
        flat = [int(one) for one in flat] if float in kinds else flat
    return np.array(flat, spec.dtype).reshape(spec.shape)


def bounds_of(served: Served) -> tuple[float, float]:
    """The least and the largest number that a model's input may hold: of texts, the numbers that its pieces have."""
    step = served.before[0] if served.before else None
    return (0, step.count - 1) if isinstance(step, Numbered) else bounds(served.input)


def bounds(spec: Spec) -> tuple[float, float]:
    """The least and the largest number of a spec's element type, as Python's and JSON's numbers.

    >>> bounds(Spec(np.dtype(np.uint8), ()))
    (0, 255)
    """
    if spec.dtype == BOOL:
        return False, True
    if is_float(spec.dtype):
        most = float(float_info(spec.dtype).max)
        return -most, most
    info = np.iinfo(spec.dtype)
    return int(info.min), int(info.max)
