"""The paths of the Open Inference Protocol, `/v2/…`, for the OpenAPI schema, made from the models' types."""

from __future__ import annotations

import math
from itertools import combinations

from mapsto.core.spec import Spec
from mapsto.server.body import JSON
from mapsto.server.inference_v2 import LENGTH, ONLY, metadata
from mapsto.server.model import Served
from mapsto.server.models import Models
from mapsto.server.schema import STATUSES, Schema, array_schema
from mapsto.server.text_schema import text_schema
from mapsto.server.v2_tensors import BYTES, DATATYPES

TEXT: Schema = {"type": "string"}
ERROR: Schema = {"type": "object", "required": ["error"], "properties": {"error": TEXT}}
PICTURE: Schema = {"type": "string", "format": "picture", "contentEncoding": "base64", "contentMediaType": "image/png"}
BINARY = f"Tensors may follow the JSON as bytes: `binary_data_size` tells how many, the header `{LENGTH}` the JSON's."


def paths_v2(models: Models) -> Schema:
    """Models ↦ the protocol's paths: those of the server, and those of each model, with and without its version."""
    paths: Schema = {
        "/v2": {"get": getter("server:v2", "The server", objects("name", "version", "extensions"))},
        "/v2/health/live": {"get": getter("live:v2", "Whether the server runs", flags("live"))},
        "/v2/health/ready": {"get": getter("ready:v2", "Whether it wants requests", flags("ready"), flags("ready"))},
    }
    for path in ("/v2/health/live", "/v2/health/ready"):
        paths[path]["get"]["security"] = []  # they need no token
    for name, live in models.items():
        for version, end in (("", ""), (f":{ONLY}", f"/versions/{ONLY}")):
            root, known = f"/v2/models/{name}{end}", f"{name}{version}_v2"
            ready = flags("ready", name=name)
            told = objects("name", "versions", "platform", "inputs", "outputs")
            paths[root] = {"get": getter(f"about_{known}", f"The tensors of {name}", told)}
            paths[f"{root}/ready"] = {"get": getter(f"ready_{known}", f"Whether {name} is ready", ready, ready)}
            asked = infer(f"infer_{known}", live.served, models.settings.most_examples)
            paths[f"{root}/infer"] = {"post": asked}
    return paths


def objects(*required: str, **properties: Schema) -> Schema:
    """An object with at least these keys.

    >>> objects("id", id={"type": "string"})
    {'type': 'object', 'required': ['id'], 'properties': {'id': {'type': 'string'}}}
    """
    return {"type": "object", "required": list(required), "properties": properties}


def flags(flag: str, name: str = "") -> Schema:
    """What says whether something is so, of the model of that name if there is one."""
    if not name:
        return objects(flag, **{flag: {"type": "boolean"}})
    return objects("name", flag, name={"const": name}, **{flag: {"type": "boolean"}})


def getter(known: str, summary: str, schema: Schema, not_yet: Schema | None = None) -> Schema:
    """A path that is read; `not_yet` is what it says with status 503, besides errors."""
    return {"operationId": known, "summary": summary, "responses": responses(schema, not_yet)}


def responses(schema: Schema, not_yet: Schema | None = None) -> Schema:
    """What a path answers: its own kind, and the failures of `replies` in the protocol's form."""
    found = {status: {"description": words, "content": {JSON: {"schema": ERROR}}} for status, words in STATUSES.items()}
    if not_yet:
        found["503"]["content"] = {JSON: {"schema": {"anyOf": [not_yet, ERROR]}}}
    return {"200": {"description": "the answer", "content": {JSON: {"schema": schema}}}, **found}


def infer(known: str, served: Served, most: int) -> Schema:
    """How a model is asked, with what, and what it answers."""
    about = metadata(served)
    given = {"type": "array", "minItems": 1, "maxItems": 1, "items": input_schema(served, about["inputs"][0], most)}
    wanted, more = lists_of(served, about), switches("binary_data_output")
    body = objects("inputs", id=TEXT, inputs=given, outputs=wanted, parameters=more)
    outputs = {"type": "array", "minItems": 1, "items": output_schema(about)}
    answer = objects(
        "model_name",
        "model_version",
        "outputs",
        model_name={"const": served.name},
        model_version={"const": ONLY},
        id=TEXT,
        outputs=outputs,
    )
    found = responses(answer)
    found["200"]["content"]["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    return {
        "operationId": known,
        "summary": f"{served.takes} ↦ {', '.join(one['name'] for one in about['outputs'])}",
        "description": f"Up to {most} rows are taken. {BINARY}",
        "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        "responses": found,
    }


def switches(*names: str) -> Schema:
    """Parameters that are true or false; others are passed over."""
    return {"type": "object", "properties": {name: {"type": "boolean"} for name in names}}


def input_schema(served: Served, about: Schema, most: int) -> Schema:
    """The one tensor that is sent.

    A schema cannot say that shape and data belong together, so it is written out for the numbers of rows that the net
    is compiled for; others are taken as well.
    """
    rows = [size for size in served.sizes if size <= most] or [1]
    return {"anyOf": [input_of(served, about, count) for count in rows]}


def input_of(served: Served, about: Schema, count: int) -> Schema:
    """The tensor for so many rows."""
    shape = (count, *about["shape"][1:])
    known = {name: {"const": about[name]} for name in ("name", "datatype")}
    if about["datatype"] == BYTES:
        one = PICTURE if served.takes == "picture" else text_schema(served)
        data: Schema = {"type": "array", "minItems": count, "maxItems": count, "items": one}
    else:
        spec = served.input
        flat = array_schema(Spec(spec.dtype, (math.prod(shape),)))
        data = {"anyOf": [flat, array_schema(Spec(spec.dtype, shape))]} if len(shape) > 1 else flat
    return objects("name", "datatype", "shape", "data", **known, shape={"const": list(shape)}, data=data)


def asked(served: Served, name: str) -> Schema:
    """An output that a client wants; of numbers in one row also the best classes, as `value:index:label`."""
    told: Schema = switches("binary_data")
    if name == "output" and len(served.output.shape) == 1:
        told["properties"]["classification"] = {"type": "integer", "minimum": 0}
    return objects("name", name={"const": name}, parameters=told)


def lists_of(served: Served, about: Schema) -> Schema:
    """The outputs that a client wants, none twice; a schema cannot say that without an order."""
    names = [one["name"] for one in about["outputs"]]
    chosen = [some for count in range(1, len(names) + 1) for some in combinations(names, count)]
    return {"anyOf": [{"const": []}, *(list_of([asked(served, name) for name in some]) for some in chosen)]}


def list_of(parts: list[Schema]) -> Schema:
    """Just these, one after another."""
    return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts), "maxItems": len(parts)}


def output_schema(about: Schema) -> Schema:
    """A tensor of the answer; its elements follow as bytes where it has no data."""
    names, kinds = [one["name"] for one in about["outputs"]], sorted(DATATYPES)
    extents = {"type": "array", "items": {"type": "integer", "minimum": 0}}
    given = {"name": {"enum": names}, "datatype": {"enum": [*kinds, BYTES]}, "shape": extents}
    return objects("name", "datatype", "shape", **given, data={"type": "array"})
