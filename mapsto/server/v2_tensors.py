"""Tensors of the Open Inference Protocol v2, in JSON or in bytes, ↦ examples; arrays ↦ such tensors.

Source: KServe, "Open Inference Protocol", with Triton's extension for binary tensors: after the JSON object come the
tensors' elements, row by row, little-endian; of BYTES every element's length as four bytes, and then the element.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.core.errors import LimitError, ShapeError
from mapsto.core.spec import BOOL, DTYPES, SHORT_NAMES, DType, Spec, is_float
from mapsto.server.body import numbers_from
from mapsto.server.model import Item, Numbers, Served, finite

Tensor = dict[str, Any]
LETTERS = {"i": "INT", "u": "UINT", "f": "FP", "bf": "BF"}
LENGTH = struct.Struct("<I")  # of an element of BYTES
BYTES = "BYTES"


def datatype_of(dtype: DType) -> str:
    """An element type ↦ the protocol's name for it.

    >>> [datatype_of(DTYPES[name]) for name in ("u8", "f32", "bf16", "bool")]
    ['UINT8', 'FP32', 'BF16', 'BOOL']
    """
    return re.sub("[a-z]+(?=[0-9])", lambda found: LETTERS[found[0]], SHORT_NAMES[dtype]).upper()


DATATYPES = {datatype_of(dtype): dtype for dtype in DTYPES.values()}


def wanted_by(served: Served) -> tuple[str, tuple[int, ...]]:
    """A model ↦ datatype and shape of its input, of one example: pictures and texts are single elements of BYTES."""
    if served.takes == "numbers":
        return datatype_of(served.input.dtype), served.input.shape
    return BYTES, ()


def examples_of(served: Served, tensor: Tensor, binary: bytes | None, most: int) -> list[Item]:
    """An input as the request has it, with its bytes if they followed the JSON, ↦ one example a row, `most` at most.

    In JSON a picture is base64, and the numbers are nested lists or one flat list. Raises ShapeError (INFER-02,
    INFER-04, SERVE-09) for what the model does not take, LimitError (SERVE-07) for too many rows.
    """
    name, datatype, shape = tensor["name"], tensor["datatype"], tuple(tensor["shape"])
    takes, one = wanted_by(served)
    fits = shape[1:] == one or (takes == BYTES and shape[1:] == (1,))
    if datatype != takes or not fits or shape[0] < 1:
        found, wanted = described(datatype, shape), described(takes, (-1, *one))
        fix = "axis 0 is the batch, of one example or more"
        raise ShapeError("INFER-02", name=name, found=found, wanted=wanted, fix=fix)
    if shape[0] > most:
        raise LimitError("SERVE-07", limit=most, fix="send them in several requests")
    if takes == BYTES:
        listed = elements_in(binary, shape[0], name) if binary is not None else tensor["data"]
        return from_elements(served, listed, shape[0], name)
    spec = Spec(served.input.dtype, shape)
    return list(numbers_in_bytes(binary, spec, name) if binary is not None else numbers_in_json(tensor, spec))


def described(datatype: str, shape: Sequence[int]) -> str:
    """
    >>> described("FP32", (-1, 10))
    'FP32[-1,10]'
    """
    return f"{datatype}[{','.join(map(str, shape))}]"


def numbers_in_json(tensor: Tensor, spec: Spec) -> Numbers:
    """`data`, nested as the shape says or one flat list, ↦ the array."""
    data = tensor["data"]
    nested = bool(data) and isinstance(data[0], list)
    flat = Spec(spec.dtype, (math.prod(spec.shape),))
    return numbers_from(data, spec if nested else flat, f"data of {tensor['name']}").reshape(spec.shape)


def numbers_in_bytes(binary: bytes, spec: Spec, name: str) -> Numbers:
    """
    >>> numbers_in_bytes(b"\\x01\\x00\\x02\\x00", Spec(DTYPES["i16"], (2,)), "x").tolist()
    [1, 2]
    """
    needed = math.prod(spec.shape) * spec.dtype.itemsize
    if len(binary) != needed:
        raise ShapeError("INFER-04", name=name, found=len(binary), wanted=f"the {needed} of its shape", fix=FIX_BYTES)
    if spec.dtype == BOOL:  # any byte but 0 and 1 would be a number that is neither True nor False
        return (np.frombuffer(binary, np.uint8) != 0).reshape(spec.shape)
    return np.frombuffer(binary, spec.dtype.newbyteorder("<")).astype(spec.dtype).reshape(spec.shape)


FIX_BYTES = "send its elements row by row, little-endian; of BYTES each after its length in four bytes"


def elements_in(binary: bytes, count: int, name: str) -> list[bytes]:
    """The bytes of a tensor of BYTES ↦ its elements, exactly `count`.

    >>> elements_in(b"\\x02\\x00\\x00\\x00hi\\x00\\x00\\x00\\x00", 2, "x")
    [b'hi', b'']
    """
    elements, place = [], 0
    while place + LENGTH.size <= len(binary) and len(elements) < count:
        (length,) = LENGTH.unpack_from(binary, place)
        place += LENGTH.size
        if place + length > len(binary):
            break
        elements.append(binary[place : place + length])
        place += length
    if len(elements) != count or place != len(binary):
        wanted = f"{count} elements, each after its length"
        raise ShapeError("INFER-04", name=name, found=len(binary), wanted=wanted, fix=FIX_BYTES)
    return elements


def from_elements(served: Served, listed: Any, count: int, name: str) -> list[Item]:
    """Elements of BYTES, or what JSON has for them, ↦ pictures or texts."""
    while isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], list):
        listed = listed[0]
    if isinstance(listed, list) and listed and all(isinstance(one, list) and len(one) == 1 for one in listed):
        listed = [one[0] for one in listed]
    if not isinstance(listed, list) or len(listed) != count or not all(isinstance(one, bytes | str) for one in listed):
        raise ShapeError("SERVE-09", detail=f"data of {name} is to be {count} texts", fix="a list of JSON strings")
    return [from_element(served, one, name) for one in listed]


def from_element(served: Served, one: bytes | str, name: str) -> Item:
    if isinstance(one, bytes) or served.takes == "text":
        return one
    try:
        return base64.b64decode(one, validate=True)
    except (binascii.Error, ValueError) as problem:
        detail = f"data of {name} has what is no base64: {problem}"
        raise ShapeError(
            "SERVE-09", detail=detail, fix="send a picture's bytes in base64, or as a binary tensor"
        ) from problem


def told_in_json(array: Numbers) -> list[Any]:
    """The elements of a tensor in one flat list; null stands for a number that is not finite."""
    if array.dtype == object:
        return array.ravel().tolist()
    wide = array.astype(np.float64) if is_float(array.dtype) else array
    return finite(wide.ravel().tolist())


def told_in_bytes(array: Numbers) -> bytes:
    """
    >>> told_in_bytes(np.array(["hi"], object))
    b'\\x02\\x00\\x00\\x00hi'
    """
    if array.dtype == object:
        texts = [str(one).encode() for one in array.ravel()]
        return b"".join(LENGTH.pack(len(text)) + text for text in texts)
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def told_datatype(array: Numbers) -> str:
    """
    >>> told_datatype(np.zeros(2, np.float32))
    'FP32'
    """
    return BYTES if array.dtype == object else datatype_of(array.dtype)


def packed(head: dict[str, Any], arrays: list[tuple[str, Numbers, bool]]) -> tuple[bytes, int | None]:
    """The head of an answer and its outputs (name, array, whether in bytes) ↦ the body, and the length of its JSON
    where bytes follow it.
    """
    outputs, parts = [], []
    for name, array, in_bytes in arrays:
        output: Tensor = {"name": name, "datatype": told_datatype(array), "shape": list(array.shape)}
        if in_bytes:
            parts.append(told_in_bytes(array))
            output["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            output["data"] = told_in_json(array)
        outputs.append(output)
    text = json.dumps({**head, "outputs": outputs}).encode()
    return b"".join([text, *parts]), len(text) if parts else None
