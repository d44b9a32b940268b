"""The Open Inference Protocol v2 (KServe), which Triton's clients and many others speak: `/v2/…`.

A model has one input, `input`, and one output, `output`, whose axis 0 is the batch. One that answers with labels has
`label` and `probability` besides, the best first, and one that answers with texts `text`. Errors are the protocol's:
`{"error": "…"}`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response

from mapsto.core.errors import MapstoError, ShapeError, UsageError
from mapsto.core.version import VERSION
from mapsto.server.batcher import QueueFull
from mapsto.server.cost import check_pixels, check_values, received
from mapsto.server.model import Item, Numbers, Served
from mapsto.server.models import Live, Models, in_background, live_of
from mapsto.server.replies import in_one_text, said, told
from mapsto.server.v2_requests import Asked, Wanted, json_part, read_request
from mapsto.server.v2_tensors import datatype_of, examples_of, packed, wanted_by

router = APIRouter(include_in_schema=False)  # v2_schema tells of it, model by model
ONLY = "1"  # the version of every model
LARGE = 64 << 10  # bytes of a body that take a thread: about a millisecond's work
READ = ["GET", "HEAD"]
LENGTH = "Inference-Header-Content-Length"
Output = tuple[str, Numbers, bool]  # name, array, whether in bytes


def replied(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(value), status, headers, media_type="application/json")


def refused(error: MapstoError | QueueFull) -> Response:
    """What went wrong, in the protocol's form."""
    if isinstance(error, QueueFull):
        status, body = said("FULL")
        return replied(in_one_text(json.loads(body)), status, {"Retry-After": "1"})
    status, words = told(error)
    return replied(in_one_text(words), status)


@router.api_route("/v2", methods=READ)
async def server() -> Response:
    return replied({"name": "mapsto", "version": VERSION, "extensions": ["binary_tensor_data", "classification"]})


@router.api_route("/v2/health/live", methods=READ)
async def alive() -> Response:
    return replied({"live": True})


@router.api_route("/v2/health/ready", methods=READ)
async def ready(request: Request) -> Response:
    good = bool(request.app.state.ready)
    return replied({"ready": good}, 200 if good else 503)


@router.api_route("/v2/models/{name}", methods=READ)
@router.api_route("/v2/models/{name}/versions/{version}", methods=READ)
async def about(request: Request, name: str, version: str = ONLY) -> Response:
    try:
        return replied(metadata(model_of(request, name, version).served))
    except MapstoError as error:
        return refused(error)


@router.api_route("/v2/models/{name}/ready", methods=READ)
@router.api_route("/v2/models/{name}/versions/{version}/ready", methods=READ)
async def model_ready(request: Request, name: str, version: str = ONLY) -> Response:
    try:
        model_of(request, name, version)
    except MapstoError as error:
        return refused(error)
    good = bool(request.app.state.ready)
    return replied({"name": name, "ready": good}, 200 if good else 503)


@router.post("/v2/models/{name}/infer")
@router.post("/v2/models/{name}/versions/{version}/infer")
async def infer(request: Request, name: str, version: str = ONLY) -> Response:
    """A request with one example or more ↦ the outputs of all; if one of them fails, the request does."""
    models: Models = request.app.state.models
    try:
        wanted = model_of(request, name, version)  # where there is none, that is said before the body is read
        most = models.settings.most_examples
        body = await received(request, wanted.served, most, models.settings.max_bytes)
        aside = len(body) > LARGE
        with model_of(request, name, version) as one:  # the file may have been replaced while the body arrived
            arguments = (one.served, body, request.headers.get(LENGTH), most)
            asked, items = await in_background(models.decoding, read, *arguments) if aside else read(*arguments)
            rows = np.stack(await rows_of(models, one, items))
            aside = aside or rows.size > LARGE
            arguments = (one.served, asked, rows)
            body, length = await in_background(models.decoding, answered, *arguments) if aside else answered(*arguments)
    except (MapstoError, QueueFull) as error:
        return refused(error)
    if length is None:
        return Response(body, media_type="application/json")
    return Response(body, headers={LENGTH: str(length)}, media_type="application/octet-stream")


def model_of(request: Request, name: str, version: str) -> Live:
    """Raises UsageError for a model (SERVE-03) or a version (INFER-03) that there is not."""
    live = live_of(request.app.state.models, name)
    if version != ONLY:
        raise UsageError("INFER-03", name=name, what="version", found=version[:80], fix=f"ask for version {ONLY}")
    return live


def outputs_of(served: Served) -> list[str]:
    """The names of a model's outputs."""
    if served.tells:
        return ["output", "text"]
    return ["output", "label", "probability"] if served.labelled else ["output"]


def metadata(served: Served) -> dict[str, Any]:
    """A model ↦ its name, version, input and outputs; −1 is the batch."""
    datatype, shape = wanted_by(served)
    best = len(served.encode(np.zeros(served.output.shape, served.output.dtype))) if served.labelled else 0
    kinds = [(datatype_of(served.output.dtype), served.output.shape)]
    kinds += [("BYTES", ())] if served.tells else [("BYTES", (best,)), ("FP32", (best,))]
    return {
        "name": served.name,
        "versions": [ONLY],
        "platform": "mapsto",
        "inputs": [{"name": "input", "datatype": datatype, "shape": [-1, *shape]}],
        "outputs": [
            {"name": name, "datatype": kind, "shape": [-1, *extents]}
            for name, (kind, extents) in zip(outputs_of(served), kinds, strict=False)
        ],
    }


def read(served: Served, body: bytes, json_length: str | None, most: int) -> tuple[Asked, list[Item]]:
    """A body ↦ the request and its examples. Raises MapstoError."""
    check_values(served, json_part(body, json_length), most)
    asked = read_request(body, json_length)
    if asked.input["name"] != "input":
        found = asked.input["name"][:80]
        raise UsageError("INFER-03", name=served.name, what="input", found=found, fix='the input is called "input"')
    known = outputs_of(served)
    for wanted in asked.outputs or ():
        if wanted.name not in known:
            fix = f"ask for one of {', '.join(known)}"
            raise UsageError("INFER-03", name=served.name, what="output", found=wanted.name[:80], fix=fix)
        if wanted.best and (wanted.name != "output" or len(served.output.shape) != 1):
            operands = (("output", served.output, ""),)
            raise ShapeError("INFER-05", name=wanted.name, operands=operands, fix="ask for the output without it")
    items = examples_of(served, asked.input, asked.binary, most)
    check_pixels(items, served.max_pixels)
    return asked, items


async def rows_of(models: Models, one: Live, items: Sequence[Item]) -> list[Numbers]:
    """Examples ↦ their rows, through the batcher. If one fails, the others are given up, and its error is raised."""
    tasks = [asyncio.ensure_future(row_of(models, one, item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # nobody else asks what became of them
        raise


async def row_of(models: Models, one: Live, item: Item) -> Numbers:
    if one.served.keeps_waiting(item):
        item = await in_background(models.decoding, one.served.decode, item)
    return await one.batcher.infer(item)


def answered(served: Served, asked: Asked, rows: Numbers) -> tuple[bytes, int | None]:
    """The rows of all examples ↦ the body of the answer, and the length of its JSON where bytes follow."""
    head: dict[str, Any] = {"model_name": served.name, "model_version": ONLY}
    if asked.id:
        head["id"] = asked.id
    wanted = asked.outputs
    if wanted is None:
        wanted = tuple(Wanted(name, asked.in_bytes, 0) for name in outputs_of(served))
    arrays = {"output": rows}
    if served.tells and any(one.name == "text" for one in wanted):
        arrays["text"] = np.array([served.encode(row) for row in rows], object)
    elif any(one.name != "output" for one in wanted):
        found = [served.encode(row) for row in rows]
        arrays["label"] = np.array([[best["label"] for best in row] for row in found], object)
        arrays["probability"] = np.array([[best["probability"] for best in row] for row in found], np.float32)
    for one in wanted:
        if one.best:
            arrays["output"] = classified(rows, served.answer.classes, one.best)
    return packed(head, [(one.name, arrays[one.name], one.in_bytes) for one in wanted])


def classified(rows: Numbers, classes: Sequence[str], best: int) -> Numbers:
    """`[n, k]` numbers ↦ of each row the best ones as texts `value:index:label`, Triton's classification extension.

    >>> classified(np.array([[0.25, 0.75]]), ["cat", "dog"], 1).tolist()
    [['0.750000:1:dog']]
    """
    listed = []
    for row in rows:
        order = np.argsort(-row.astype(np.float64), kind="stable")[:best]
        listed.append([":".join([f"{float(row[c]):f}", str(c), *classes[c : c + 1]]) for c in order])
    return np.array(listed, object)
