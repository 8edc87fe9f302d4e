"""What the service's reads are compared with: the least that Starlette can do for a GET."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def hello(_: Request) -> JSONResponse:
    """Seventeen bytes."""
    return JSONResponse({"hello": "world"})


app = Starlette(routes=[Route("/hello", hello)])
