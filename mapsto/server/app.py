"""The models over HTTP: `/v1` lists them, `/v1/NAME` tells of one, and a POST there is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from mapsto.core.errors import MapstoError
from mapsto.server import inference_v2, page
from mapsto.server.body import examples_in
from mapsto.server.cost import received
from mapsto.server.gate import Gate
from mapsto.server.logs import Log
from mapsto.server.model import Item, Numbers
from mapsto.server.models import Live, Models, in_background, live_of
from mapsto.server.replies import in_one_text, said, told
from mapsto.server.schema import described, schema_of
from mapsto.server.settings import Settings
from mapsto.server.v2_schema import paths_v2

Beside = Callable[[FastAPI], Awaitable[None]]
LARGE = 64 << 10  # bytes of a body, or numbers of an answer, that take a thread: about a millisecond's work


def make_app(models: Models, settings: Settings, log: Log | None = None, beside: Sequence[Beside] = ()) -> FastAPI:
    """Models ↦ the application that answers for them.

    `app.state` has `models`, `settings`, and `ready`: whether the server wants more requests. `beside` are functions of
    the application that run as long as it does; without any, it is ready at once.
    """
    log = log or Log()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.ensure_future(function(app)) for function in beside]
        app.state.ready = not tasks
        yield
        app.state.ready = False
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        models.close()

    app = FastAPI(title="mapsto", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.models, app.state.settings, app.state.log, app.state.ready = models, settings, log, False
    models.metrics.ready.set_function(lambda: app.state.ready)
    app.openapi = lambda: schema_of(models, settings, app.routes, paths_v2(models))
    app.router.routes += [
        Route("/v1/{name}", at_model, methods=["POST", "GET"]),
        Route("/v1", listed, methods=["GET"]),
        Route("/openapi.json", openapi, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]
    app.include_router(page.router)
    app.include_router(inference_v2.router)
    app.add_exception_handler(HTTPException, no_such_place)
    app.add_middleware(Gate, models=models, log=log)
    return app


def of_json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, media_type="application/json")


async def no_such_place(request: Request, problem: Any) -> Response:
    code = {404: "PATH", 405: "METHOD"}.get(problem.status_code, "INTERNAL")
    status, body = said(code)
    if request.url.path.startswith("/v2"):
        body = json.dumps(in_one_text(json.loads(body))).encode()
    return Response(body, status, problem.headers, media_type="application/json")


async def listed(request: Request) -> Response:
    """Every model: what it takes, what it answers, and how to ask it."""
    models: Models = request.app.state.models
    return of_json({"models": [described(live.served, str(request.base_url)) for live in models.values()]})


async def one_model(request: Request) -> Response:
    return of_json(
        described(live_of(request.app.state.models, request.path_params["name"]).served, str(request.base_url))
    )


async def openapi(request: Request) -> Response:
    return of_json(request.app.openapi())


async def metrics(request: Request) -> Response:
    models: Models = request.app.state.models
    return Response(models.metrics.text(), media_type="text/plain; version=0.0.4")


async def at_model(request: Request) -> Response:
    return await (answered(request) if request.method == "POST" else one_model(request))


async def answered(request: Request) -> Response:
    """The examples of a request ↦ an answer for each, in order; one that fails does so alone."""
    models: Models = request.app.state.models
    name = request.path_params["name"]
    wanted = live_of(models, name)  # where there is none, that is said before the body is read
    content_type, most = request.headers.get("content-type", ""), models.settings.most_examples
    body = await received(request, wanted.served, most, models.settings.max_bytes)
    with live_of(models, name) as live:  # only now: the file may have been replaced while the body arrived
        if len(body) > LARGE:
            items, several = await in_background(models.decoding, examples_in, live.served, content_type, body, most)
        else:
            items, several = examples_in(live.served, content_type, body, most)
        if not several:
            answers = [await answer(models, live, items[0])]
        else:
            answers = await answers_to(models, live, items)
    return of_json({"model": name, "answers": answers})


async def answers_to(models: Models, live: Live, items: list[Item]) -> list[Any]:
    """Several examples ↦ their answers; in place of one that failed stands what is wrong with it.

    What concerns all of them, such as a full queue, is raised.
    """
    tasks = [asyncio.ensure_future(answer(models, live, item)) for item in items]
    try:
        found = await asyncio.gather(*(reported(task) for task in tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # nobody else asks what became of them
        raise
    return found


async def reported(task: asyncio.Future[Any]) -> Any:
    try:
        return await task
    except MapstoError as error:
        return told(error)[1]


async def answer(models: Models, live: Live, item: Item) -> Any:
    """One example ↦ its answer, as JSON has it."""
    served = live.served
    if served.keeps_waiting(item):
        item = await in_background(models.decoding, served.decode, item)
    row: Numbers = await live.batcher.infer(item)
    if row.size > LARGE:
        return await in_background(models.decoding, served.encode, row)
    return served.encode(row)
