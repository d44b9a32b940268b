"""The body of an inference request, Open Inference Protocol v2, ↦ its input, and which outputs are wanted how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mapsto.core.errors import FormatError
from mapsto.server.cost import value_in

FIX = 'send {"inputs": [{"name": "input", "datatype": …, "shape": […], "data": […]}]}'
FIX_BINARY = "Inference-Header-Content-Length is the length of the JSON, and binary_data_size that of a tensor after it"


@dataclass(frozen=True)
class Wanted:
    """An output that was asked for: in bytes or in JSON; `best` classes instead of numbers, where that is not 0."""

    name: str
    in_bytes: bool
    best: int


@dataclass(frozen=True)
class Asked:
    """A request: its one input, with its bytes if they followed the JSON, and the outputs; None stands for all."""

    id: str
    input: dict[str, Any]
    binary: bytes | None
    outputs: tuple[Wanted, ...] | None
    in_bytes: bool  # how outputs are sent for which the request does not say it


def read_request(body: bytes, json_length: str | None) -> Asked:
    """A body, and its header Inference-Header-Content-Length, ↦ what is asked.

    Raises FormatError (INFER-01) for what is no such request. Parameters that are not known are passed over, as the
    protocol says.

    >>> text = b'{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1], "data": [0.5]}]}'
    >>> read_request(text, None).input["data"]
    [0.5]
    """
    text = json_part(body, json_length)
    length, request = len(text), object_in(text)
    parameters = request.get("parameters", {})
    check(isinstance(parameters, dict), "its parameters are to be an object")
    identity = request.get("id", "")
    check(isinstance(identity, str), "its id is to be a text")
    inputs = request.get("inputs")
    check(isinstance(inputs, list) and len(inputs) == 1, "inputs is to be a list of one tensor")
    tensor, binary = checked(inputs[0]), None  # type: ignore[index]
    size = tensor.get("parameters", {}).get("binary_data_size")
    if size is None:
        check("data" in tensor, "the input has no data")
        check(isinstance(tensor["data"], list), "the input's data are to be a list")
        check(length == len(body), "bytes follow the JSON, and no input says that they are its own", FIX_BINARY)
    else:
        check(
            json_length is not None, "the input has binary_data_size, and the request no length of its JSON", FIX_BINARY
        )
        check("data" not in tensor, "the input has data, and binary_data_size as well")
        left = len(body) - length
        check(is_whole(size) and size == left, f"binary_data_size is {size}, and {left} bytes follow", FIX_BINARY)
        binary = body[length:]
    by_default = switch(parameters, "binary_data_output")
    outputs = request.get("outputs", [])
    check(isinstance(outputs, list), "outputs is to be a list")
    wanted = tuple(each_wanted(outputs, by_default)) if outputs else None
    check(len({one.name for one in wanted or ()}) == len(wanted or ()), "an output is asked for twice")
    return Asked(identity, tensor, binary, wanted, by_default)


def check(good: bool, reason: str, fix: str = FIX) -> None:
    if not good:
        raise FormatError("INFER-01", reason=reason[:200], fix=fix)


def switch(parameters: dict[str, Any], name: str, default: bool = False) -> bool:
    """A parameter that is true or false."""
    value = parameters.get(name, default)
    check(type(value) is bool, f"{name} is to be true or false")
    return value


def json_part(body: bytes, json_length: str | None) -> bytes:
    """A body, and its header Inference-Header-Content-Length, ↦ its JSON, which it begins with."""
    return body if json_length is None else body[: length_in(json_length, len(body))]


def length_in(text: str, most: int) -> int:
    """The header with the length of the JSON ↦ the length."""
    good = text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most
    check(good, f"the length of its JSON is said to be {text[:30]}, and the body has {most} bytes", FIX_BINARY)
    return int(text)


def object_in(text: bytes) -> dict[str, Any]:
    try:
        value = value_in(text)
    except ValueError as problem:
        raise FormatError("INFER-01", reason=str(problem)[:200], fix=FIX) from problem
    check(isinstance(value, dict), "it is to be an object")
    return value


def checked(tensor: Any) -> dict[str, Any]:
    """An input as the request has it, once its keys are of the right kinds."""
    check(isinstance(tensor, dict), "an input is to be an object")
    for key in ("name", "datatype"):
        check(isinstance(tensor.get(key), str), f"an input's {key} is to be a text")
    shape = tensor.get("shape")
    check(isinstance(shape, list) and 1 <= len(shape) <= 32, "an input's shape is to be a list of 1 to 32 extents")
    good = all(is_whole(extent) and extent < 2**62 for extent in shape)
    check(good, "an input's shape is of whole numbers")
    parameters = tensor.get("parameters", {})
    check(isinstance(parameters, dict), "an input's parameters are to be an object")
    check("shared_memory_region" not in parameters, "there is no shared memory here", "send the data with the request")
    return {**tensor, "shape": list(map(int, shape))}


def is_whole(number: Any) -> bool:
    """Whether it is a whole number from 0 up, which JSON may write with a point.

    >>> is_whole(2), is_whole(2.0), is_whole(2.5), is_whole(True)
    (True, True, False, False)
    """
    return type(number) in (int, float) and number >= 0 and (type(number) is int or number.is_integer())


def each_wanted(outputs: list[Any], by_default: bool) -> Iterator[Wanted]:
    for output in outputs:
        check(isinstance(output, dict) and isinstance(output.get("name"), str), "an output is an object with a name")
        parameters = output.get("parameters", {})
        check(isinstance(parameters, dict), "an output's parameters are to be an object")
        check("shared_memory_region" not in parameters, "there is no shared memory here", "take the data as the answer")
        best = parameters.get("classification", 0)
        check(is_whole(best), "classification is to be a whole number from 0 up")
        yield Wanted(output["name"], switch(parameters, "binary_data", by_default), int(best))
