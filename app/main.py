"""The service as one ASGI application.

    python -m app.serve             settings from the environment, as uvicorn app.main:app
    create(Settings(...))           settings from the caller

Importing this module reads no setting, connects to nothing and loads no model library. What
is asked for from the environment is checked first: a start that cannot work ends in one line.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware

from app import logs
from app.hints import CeleryHints, Hints
from app.http import problems
from app.http.body_limit import BodyLimit
from app.http.deps import plain_address
from app.http.described_rates import describe_rates
from app.http.edge import Edge
from app.http.pace import Pace
from app.http.spans import RequestSpans
from app.http.tus import Tus
from app.metrics import Metrics
from app.page.routes import PAGES
from app.routes import (
    artifacts,
    audit,
    datasets,
    events,
    health,
    jobs,
    leaving,
    measurements,
    models,
    recipes,
    reports,
    rotation,
    signing_keys,
    techniques,
    tenants,
    uploads,
    usage,
    webhooks,
    workers,
)
from app.routes.hot import HOT_ROUTES
from app.services import opened
from app.settings import Settings
from app.store.preflight import preflight
from app.store.traces import tracing
from lathe import __version__
from lathe.reference import Reference
from lathe.views import Problem

_DESCRIPTION = """Neural-network compression as a service: upload a trained model, say what the
result must fit into, download a smaller, faster model with the measured proof."""


def create(settings: Settings, *, hints: Callable[[Settings], Hints] | None = None) -> FastAPI:
    """The application; what it needs is opened when it starts. `hints` is a test's fake."""
    traces = tracing(settings, "lathe-api")
    metrics = Metrics(take_dropped=traces.take_dropped)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened(settings, hints or _celery, metrics) as parts:
            app.state.services = parts
            yield
        await asyncio.to_thread(traces.end)

    app = FastAPI(
        title="Lathe",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False},  # `Edge` traces and counts
        separate_input_output_schemas=False,
        redirect_slashes=False,  # such an address would be made of whatever host was asked for
        dependencies=[Depends(plain_address)],
        middleware=[
            Middleware(Edge, metrics=metrics, spans=RequestSpans.of(settings, traces)),
            Middleware(Tus),
            Middleware(BodyLimit, max_bytes=settings.max_json_bytes),
            Middleware(
                Pace, idle_s=settings.upload_idle_s, slowest=settings.slowest_bytes_per_s
            ),
        ],
    )
    problems.install(app)
    for room in (
        models,
        datasets,
        uploads,
        jobs,
        events,
        reports,
        artifacts,
        signing_keys,
        measurements,
        techniques,
        recipes,
        tenants,
        usage,
        leaving,
        audit,
        webhooks,
        rotation,
        workers,
        health,
        *PAGES,
    ):
        app.include_router(room.router)
    app.router.routes[:0] = HOT_ROUTES
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _celery(settings: Settings) -> Hints:
    return CeleryHints(settings.broker_url, settings.broker_timeout_s)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with the Problem schema and without its own 422 shape."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            separate_input_output_schemas=False,
        )
        schemas = document["components"]["schemas"]
        problem = Problem.model_json_schema(
            mode="serialization", ref_template="#/components/schemas/{model}"
        )
        schemas |= problem.pop("$defs", {}) | {"Problem": problem}
        schemas["Reference"] = Reference.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        describe_rates(document)
        app.openapi_schema = document
    return app.openapi_schema


def __getattr__(name: str) -> Any:
    """`app.main:app`: made from the environment when it is first asked for."""
    if name != "app":
        raise AttributeError(name)
    settings = Settings.from_environment()
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    preflight(settings)
    globals()["app"] = create(settings)
    gc.collect()
    gc.freeze()  # a full collection would look at all that was loaded, for some 100 ms
    return globals()["app"]
