"""The routes of the simulated API."""

import json
from collections.abc import Awaitable, Callable, Iterator
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auditor.sandbox import people, settings_reads, settings_writes, usage
from auditor.sandbox.documents import Json
from auditor.sandbox.endpoint import SUB_ACCOUNT, Operation, ServedEndpoint, operations_of
from auditor.sandbox.service import LIST_SUB_ACCOUNTS, Call, SandboxResponse, Service

OAUTH_PATH: Final = "/oauth/token"
CHANGES_PATH: Final = "/sandbox/changes"
"""Not a path of Zoom: it changes a setting while the sandbox serves."""


OPERATIONS: Final[tuple[Operation, ...]] = tuple(
    operation
    for module in (settings_reads, people, usage, settings_writes)
    for operation in operations_of(module)
)
"""All operations under `/v2`."""

SCOPES: Final = tuple(each.scopes[0] for each in OPERATIONS if each.method == "GET")
"""The scopes an app is given unless told otherwise: enough for every operation, read only."""

_WRITTEN: Final = {each.path for each in OPERATIONS if each.method == "PATCH"}
WRITING_SCOPES: Final = tuple(each.scopes[0] for each in OPERATIONS if each.path in _WRITTEN)
"""The scopes of the writing app: to change settings and locks, and to read what it changes."""


def application(service: Service, reset: Callable[[Scope], None]) -> ASGIApp:
    """The ASGI application. `reset(scope)` must break the connection of a request.

    If the service's clock is skewed, responses carry its date; the server must not add one.
    """
    routes = [
        Route(
            f"/v2{operation.path}",
            ServedEndpoint(operation, service, reset),
            methods=[operation.method],
        )
        for operation in OPERATIONS
    ]
    if service.sub_accounts:
        routes += _of_sub_accounts(service, reset)
    routes.append(Route(OAUTH_PATH, _token(service), methods=["POST"]))
    routes.append(Route(CHANGES_PATH, _changing(service), methods=["POST"]))
    app = Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_allowed})
    return _dated(app, service.clock) if service.faults.clock_skew else app


def _of_sub_accounts(service: Service, reset: Callable[[Scope], None]) -> list[Route]:
    """The list of the accounts below this one, and all operations on each of them."""
    listing = Operation("/accounts", "Medium", _sub_accounts, (LIST_SUB_ACCOUNTS,))
    routes = [Route("/v2/accounts", ServedEndpoint(listing, service, reset))]
    for each in OPERATIONS:
        if each.method == "GET" and not each.path.startswith("/accounts/"):
            path = f"/v2/accounts/{{{SUB_ACCOUNT}}}{each.path}"
            routes.append(Route(path, ServedEndpoint(each, service, reset)))
    return routes


def _sub_accounts(service: Service, call: Call) -> SandboxResponse:
    """`GET /accounts`."""
    ids = list(service.sub_accounts)

    def rows(start: int, size: int) -> Iterator[Json]:
        for number, account_id in enumerate(ids[start : start + size], start + 1):
            yield {
                "id": account_id,
                "account_name": f"Branch {number}",
                "account_number": 1_000_000 + number,
                "account_type": "Business",
                "created_at": "2024-05-01T00:00:00Z",
            }

    return service.page(call, "accounts", len(ids), rows, largest=300)


def _dated(app: ASGIApp, clock: Callable[[], float]) -> ASGIApp:
    async def dated(scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(clock(), usegmt=True).encode()
                message["headers"] = [*message["headers"], (b"date", date)]
            await send(message)

        await app(scope, receive, stamped)

    return dated


def _token(service: Service) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def token(request: Request) -> JSONResponse:
        text = (await request.body()).decode("utf-8", "replace")
        fields = {**request.query_params, **dict(parse_qsl(text))}
        authorization = request.headers.get("authorization", "")
        now = service.clock()
        is_writing = service.writing_tokens.is_client(authorization)
        app = service.writing_tokens if is_writing else service.tokens
        status, body = app.answer(authorization, fields, now)
        service.requests.by_template[OAUTH_PATH, status] += 1
        return JSONResponse(body, status)

    return token


def _changing(service: Service) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def change(request: Request) -> JSONResponse:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # a web page cannot send this content type cross-origin
            return JSONResponse({"message": "Send it as application/json."}, 415)
        try:
            fields = json.loads(await request.body())
            if not isinstance(fields, dict):
                raise ValueError("Send a JSON object.")
            entry = service.changes.make(fields, service.clock())
        except ValueError as error:
            return JSONResponse({"message": str(error)}, 400)
        return JSONResponse({"operation_log": entry})

    return change


async def _not_found(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"code": 2300, "message": "This API endpoint is not recognized."}, 404)


async def _not_allowed(request: Request, _: Exception) -> JSONResponse:
    message = f"Request method '{request.method}' is not supported."
    return JSONResponse({"code": 405, "message": message}, 405)
