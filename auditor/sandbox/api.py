"""The routes of the simulated API: path, rate-limit label and scopes of each."""

import json
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auditor.sandbox import people, settings_reads, usage
from auditor.sandbox.endpoint import Operation, ServedEndpoint
from auditor.sandbox.service import Service

OAUTH_PATH: Final = "/oauth/token"
CHANGES_PATH: Final = "/sandbox/changes"
"""Not a path of Zoom: it changes a setting while the sandbox serves."""


OPERATIONS: Final = (
    Operation(
        "/users/{userId}/settings",
        "Medium",
        settings_reads.user_settings,
        ("user:read:settings:admin",),
        "user:read:admin",
    ),
    Operation(
        "/accounts/{accountId}/settings",
        "Medium",
        settings_reads.account_settings,
        ("account:read:settings:admin", "account:read:settings:master"),
        "account:read:admin",
    ),
    Operation(
        "/accounts/{accountId}/lock_settings",
        "Medium",
        settings_reads.account_lock_settings,
        ("account:read:lock_settings:admin", "account:read:lock_settings:master"),
        "account:read:admin",
    ),
    Operation(
        "/groups", "Medium", people.groups, ("group:read:list_groups:admin",), "group:read:admin"
    ),
    Operation(
        "/groups/{groupId}",
        "Light",
        people.group,
        ("group:read:group:admin",),
        "group:read:admin",
    ),
    Operation(
        "/groups/{groupId}/settings",
        "Medium",
        settings_reads.group_settings,
        ("group:read:settings:admin",),
        "group:read:admin",
    ),
    Operation(
        "/groups/{groupId}/lock_settings",
        "Medium",
        settings_reads.group_lock_settings,
        ("group:read:lock_settings:admin",),
        "group:read:admin",
    ),
    Operation(
        "/groups/{groupId}/members",
        "Medium",
        people.group_members,
        ("group:read:list_members:admin",),
        "group:read:admin",
    ),
    Operation("/users", "Medium", people.users, ("user:read:list_users:admin",), "user:read:admin"),
    Operation(
        "/users/{userId}", "Light", people.user, ("user:read:user:admin",), "user:read:admin"
    ),
    Operation(
        "/users/{userId}/meetings",
        "Medium",
        usage.user_meetings,
        ("meeting:read:list_meetings:admin",),
        "meeting:read:admin",
    ),
    Operation("/roles", "Medium", people.roles, ("role:read:list_roles:admin",), "role:read:admin"),
    Operation(
        "/roles/{roleId}", "Medium", people.role, ("role:read:role:admin",), "role:read:admin"
    ),
    Operation(
        "/roles/{roleId}/members",
        "Medium",
        people.role_members,
        ("role:read:list_members:admin",),
        "role:read:admin",
    ),
    Operation(
        "/marketplace/apps",
        "Medium",
        usage.marketplace_apps,
        ("marketplace:read:list_apps:admin",),
    ),
    Operation(
        "/phone/account_settings",
        "Light",
        settings_reads.phone_account_settings,
        ("phone:read:list_account_settings:admin",),
        "phone:read:admin",
    ),
    Operation(
        "/phone/sites",
        "Medium",
        settings_reads.phone_sites,
        ("phone:read:list_sites:admin",),
        "phone:read:admin",
    ),
    Operation(
        "/phone/sites/{siteId}",
        "Light",
        settings_reads.phone_site,
        ("phone:read:site:admin",),
        "phone:read:admin",
    ),
    Operation(
        "/phone/groups/{groupId}/settings",
        "Light",
        settings_reads.phone_group_settings,
        ("phone:read:group_setting:admin",),
        "phone:read:admin",
    ),
    Operation(
        "/phone/users/{userId}",
        "Light",
        settings_reads.phone_user,
        ("phone:read:user:admin",),
        "phone:read:admin",
    ),
    Operation(
        "/report/operationlogs",
        "Heavy",
        usage.operation_logs,
        ("report:read:operation_logs:admin",),
        "report:read:admin",
    ),
    Operation(
        "/report/history_meetings",
        "Heavy",
        usage.history_meetings,
        ("report:read:list_history_meetings:admin",),
        "report:read:admin",
    ),
    Operation(
        "/report/disclaimer",
        "Heavy",
        usage.disclaimers,
        ("report:read:disclaimer:admin",),
        "report:read:admin",
    ),
    Operation(
        "/ai/workflows/flows",
        "Heavy",
        usage.workflows,
        ("workflow:read:list_definitions:admin",),
    ),
    Operation(
        "/meetings/meeting_summaries",
        "Medium",
        usage.meeting_summaries,
        ("meeting:read:list_summaries:admin",),
        "meeting_summary:read:admin",
    ),
    Operation(
        "/meetings/{meetingId}",
        "Light",
        usage.meeting,
        ("meeting:read:meeting:admin",),
        "meeting:read:admin",
    ),
    Operation(
        "/users/{userId}/webinars",
        "Medium",
        usage.user_webinars,
        ("webinar:read:list_webinars:admin",),
        "webinar:read:admin",
    ),
    Operation(
        "/webinars/{webinarId}",
        "Light",
        usage.webinar,
        ("webinar:read:webinar:admin",),
        "webinar:read:admin",
    ),
    Operation(
        "/metrics/meetings/{meetingId}/participants",
        "Heavy",
        usage.meeting_participants,
        ("dashboard:read:list_meeting_participants:admin",),
        "dashboard_meetings:read:admin",
    ),
)
"""All operations under `/v2`. The most frequent come first."""

SCOPES: Final = tuple(operation.scopes[0] for operation in OPERATIONS)
"""The scopes an app is given unless told otherwise: enough for every operation, read only."""


def application(service: Service, reset: Callable[[Scope], None]) -> ASGIApp:
    """The ASGI application. `reset(scope)` must break the connection of a request.

    If the service's clock is skewed, responses carry its date; the server must not add one.
    """
    routes = [
        Route(f"/v2{operation.path}", ServedEndpoint(operation, service, reset), methods=["GET"])
        for operation in OPERATIONS
    ]
    routes.append(Route(OAUTH_PATH, _token(service), methods=["POST"]))
    routes.append(Route(CHANGES_PATH, _changing(service), methods=["POST"]))
    app = Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_allowed})
    return _dated(app, service.clock) if service.faults.clock_skew else app


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
        status, body = service.tokens.answer(authorization, fields, now)
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
