"""What a model takes and answers, in words for people and as an OpenAPI schema, both made from its types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi

from mapsto.core.spec import BOOL, Spec, is_float
from mapsto.core.version import VERSION
from mapsto.nn.answer import TopK
from mapsto.server.body import JSON, MULTIPART, bounds, media_types
from mapsto.server.model import Served
from mapsto.server.models import Models
from mapsto.server.settings import Settings
from mapsto.server.text_schema import number_row, text_schema

Schema = dict[str, Any]
LONGEST = 64  # extent up to which a schema's example is written out

ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "fix"],
            "properties": {name: {"type": "string"} for name in ("code", "message", "fix")},
        }
    },
}
# What any path may answer besides: the statuses of `replies`.
STATUSES = {
    "400": "the request does not read",
    "401": "the token is missing or wrong",
    "403": "asked from a page of another origin",
    "404": "no such model",
    "408": "the request took too long to arrive",
    "413": "larger than this server takes",
    "415": "another Content-Type than the model takes",
    "421": "asked under a name that this server does not have",
    "422": "not what the model takes",
    "431": "the head of the request is too large",
    "500": "something went wrong in the server",
    "503": "too many requests wait already",
}


def described(served: Served, base: str) -> dict[str, Any]:
    """A model ↦ what there is to know of it, with commands that ask it."""
    path = f"{base.rstrip('/')}/v1/{served.name}"
    shown = {
        "picture": f'curl --data-binary @picture.png -H "Content-Type: image/png" {path}',
        "text": f'curl --data-binary "some words" -H "Content-Type: text/plain" {path}',
        "numbers": f'curl -H "Content-Type: application/json" -d \'{{"example": …}}\' {path}',
    }
    several = f"curl -F a=@first.png -F b=@second.png {path}" if served.takes == "picture" else None
    return {
        "name": served.name,
        "takes": served.takes,
        "content_types": list(media_types(served)),
        "input": str(served.input),
        "output": str(served.output),
        "answers": answers_in_words(served),
        "classes": list(served.answer.classes),
        "batch_sizes": list(served.sizes),
        "ask": [shown[served.takes], *([several] if several else [])],
    }


def answers_in_words(served: Served) -> str:
    if served.tells:
        return "a text"
    return "labels with probabilities, best first" if served.labelled else f"numbers, {served.output}"


def schema_of(models: Models, settings: Settings, routes: Sequence[Any], more: Schema) -> Schema:
    """The OpenAPI description of a server: fixed paths, one for each model with its own types, and `more`."""
    schema = get_openapi(title="mapsto", version=VERSION, openapi_version="3.1.0", routes=routes)
    paths = {"/v1": {"get": lister()}}
    for name, live in models.items():
        paths[f"/v1/{name}"] = {"get": teller(name), "post": asker(live.served, settings)}
    schema["paths"] = {**paths, **more, **schema.get("paths", {})}
    if settings.token:
        schema.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
    return schema


def failures() -> Schema:
    return {status: {"description": words, "content": {JSON: {"schema": ERROR}}} for status, words in STATUSES.items()}


def good(schema: Schema, words: str) -> Schema:
    return {"200": {"description": words, "content": {JSON: {"schema": schema}}}, **failures()}


def lister() -> Schema:
    schema = {
        "type": "object",
        "required": ["models"],
        "properties": {"models": {"type": "array", "items": {"type": "object"}}},
    }
    return {"operationId": "models", "summary": "The models", "responses": good(schema, "every model")}


def teller(name: str) -> Schema:
    schema = {"type": "object", "required": ["name", "takes", "input", "output"]}
    return {"operationId": f"about_{name}", "summary": f"About {name}", "responses": good(schema, "about the model")}


def asker(served: Served, settings: Settings) -> Schema:
    """How a model is asked, with what, and what it answers."""
    answers = {"type": "array", "minItems": 1, "items": {"anyOf": [answer_schema(served), ERROR]}}
    schema = {
        "type": "object",
        "required": ["model", "answers"],
        "additionalProperties": False,
        "properties": {"model": {"const": served.name}, "answers": answers},
    }
    told = [kind for kind in media_types(served) if kind != "application/octet-stream"]  # of which most are no pictures
    content = {kind: {"schema": body_schema(served, kind, settings)} for kind in told}
    return {
        "operationId": f"ask_{served.name}",
        "summary": f"{served.takes} ↦ " + ("labels" if served.labelled else str(served.output)),
        "requestBody": {"required": True, "content": content},
        "responses": good(schema, "an answer for every example, in order"),
    }


def body_schema(served: Served, kind: str, settings: Settings) -> Schema:
    """What a body of one Content-Type is to look like."""
    if kind == MULTIPART:
        file = {"type": "string", "format": "binary", "contentMediaType": media_types(served)[0]}
        return {"type": "object", "minProperties": 1, "additionalProperties": file}
    if kind != JSON:
        return {"type": "string", "format": "binary"} if served.takes == "picture" else text_schema(served)
    one = example_schema(served)
    several = {"type": "array", "minItems": 1, "maxItems": settings.most_examples, "items": one}
    return {
        "oneOf": [
            {"type": "object", "required": [name], "additionalProperties": False, "properties": {name: value}}
            for name, value in (("example", example_schema(served, alone=True)), ("examples", several))
        ]
    }


def example_schema(served: Served, alone: bool = False) -> Schema:
    """One example; `alone`, a text that cannot be numbered is an error of the request, and otherwise of that answer."""
    numbers = array_schema(served.input)
    if served.takes == "numbers":
        return numbers
    if served.takes == "text":
        return {"anyOf": [text_schema(served) if alone else {"type": "string"}, number_row(served)]}
    # A schema cannot say which texts are pictures, so it says only what is sure to be taken.
    return {**numbers, "description": "the pixels as the net takes them; or a PNG or JPEG in base64, as a text"}


def array_schema(spec: Spec, gaps: bool = False) -> Schema:
    """A spec ↦ nested arrays of just those extents and numbers; with `gaps`, null may stand for a number.

    >>> import numpy as np
    >>> array_schema(Spec(np.dtype(np.uint8), (2,)))["items"]
    {'type': 'integer', 'minimum': 0, 'maximum': 255}
    """
    least, most = bounds(spec)
    if spec.dtype == BOOL:
        schema: Schema = {"type": "boolean"}
    elif is_float(spec.dtype):
        schema = {"type": ["number", "null"] if gaps else "number", "minimum": least, "maximum": most}
    else:
        schema = {"type": "integer", "minimum": least, "maximum": most}
    for extent in reversed(spec.shape):
        schema = {"type": "array", "minItems": extent, "maxItems": extent, "items": schema}
    return schema


def answer_schema(served: Served) -> Schema:
    """What stands in `answers` for one example."""
    if served.tells:
        return {"type": "string"}
    if not served.labelled:
        return array_schema(served.output, gaps=True)
    last = next(step for step in reversed([getattr(one, "mapping", one) for one in served.after]))
    assert isinstance(last, TopK)
    classes = served.answer.classes
    label: Schema = {"type": "string", "enum": list(classes)} if 0 < len(classes) <= LONGEST else {"type": "string"}
    one = {
        "type": "object",
        "required": ["label", "probability"],
        "additionalProperties": False,
        "properties": {"label": label, "probability": {"type": ["number", "null"]}},
    }
    count = min(last.k, served.output.shape[-1])
    return {"type": "array", "minItems": count, "maxItems": count, "items": one}
