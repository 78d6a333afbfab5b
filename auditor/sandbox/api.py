"""The routes of the simulated API: path, rate-limit label and scopes of each."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from auditor.sandbox import people, settings_reads, usage
from auditor.sandbox.identity import digest
from auditor.sandbox.limits import Label, per_second_excess
from auditor.sandbox.service import Answer, Call, Refused, Service, emptied, to_json

OAUTH_PATH: Final = "/oauth/token"
_SERVER_ERRORS: Final = (500, 502, 503, 504)
_SIGN_IN_PAGE: Final = b"<!doctype html><title>Sign in to the network</title><p>Please sign in."


class Operation(NamedTuple):
    """One thing the API can be asked for."""

    path: str
    label: Label
    answer: Callable[[Service, Call], Answer]
    scopes: tuple[str, ...]
    """Granular scopes, any of which suffices."""
    classic: str = ""
    """The older scope that suffices too."""


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
"""Everything under `/v2`. The most asked for comes first."""

SCOPES: Final = tuple(operation.scopes[0] for operation in OPERATIONS)
"""The scopes an app is given unless told otherwise: enough for every operation, read only."""


class Endpoint:
    """Serves one operation: token, faults, limits and scopes come before its answer."""

    def __init__(
        self,
        operation: Operation,
        service: Service,
        reset: Callable[[Scope], None],
    ) -> None:
        self.operation = operation
        self.service = service
        self.reset = reset
        self._accepted = frozenset((*operation.scopes, operation.classic))
        self._is_phone = operation.path.startswith("/phone/")
        self._category = (b"x-ratelimit-category", operation.label.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        service = self.service
        ids: dict[str, str] = scope["path_params"]
        if service.conduct.latency_ms:
            await asyncio.sleep(service.conduct.latency_ms / 1000)
        answer = self._answer(scope, ids)
        requests = service.requests
        requests.by_template[self.operation.path, answer.status if answer else 0] += 1
        if service.conduct.count_scopes:
            for id_ in ids.values():
                requests.by_scope[self.operation.path, id_] += 1
        if answer is None:
            self.reset(scope)
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        tracking = digest(service.world.seed, "tracking", requests.total).hex()[:16].upper()
        headers = [
            (b"content-type", answer.content_type),
            (b"content-length", str(len(answer.body)).encode()),
            (b"x-zm-trackingid", f"v=2.0;clid=us02;rid=SBX_{tracking}".encode()),
            *(answer.headers or (self._category,)),
        ]
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, scope: Scope, ids: dict[str, str]) -> Answer | None:
        """What to answer, None for a reset connection."""
        service, now = self.service, self.service.conduct.clock()
        query = scope["query_string"].decode("latin-1")
        try:
            self._require_token(scope, now)
            drawn = service.draw.next(f"{scope['path']}?{query}")
            if drawn is not None and drawn[0] != "truncated_json":
                return self._faulty(*drawn)
            excess = service.limits.admit(self.operation.label, phone=self._is_phone, now=now)
            if excess is not None:
                body = {"code": 429, "message": excess.message}
                return to_json(body, 429)._replace(headers=excess.headers)
            self._require_scope()
            pairs = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
            answer = self.operation.answer(service, Call(self.operation.path, ids, pairs, now))
            if service.conduct.empty:
                answer = emptied(answer)
        except Refused as refused:
            return refused.answer()
        if drawn is not None:
            return answer._replace(body=answer.body[: len(answer.body) // 2])
        return answer

    def _require_token(self, scope: Scope, now: float) -> None:
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        kind, _, bearer = header.decode("latin-1").partition(" ")
        state = self.service.tokens.state(bearer, now) if kind.lower() == "bearer" else "unknown"
        if state == "expired":
            raise Refused(401, 124, "Access token is expired.")
        if state == "unknown":
            raise Refused(401, 124, "Invalid access token.")

    def _require_scope(self) -> None:
        if self._accepted.isdisjoint(self.service.scopes):
            names = ", ".join(self.operation.scopes)
            message = f"Invalid access token, does not contain scopes:[{names}]."
            raise Refused(400, 4711, message)

    def _faulty(self, fault: str, place: float) -> Answer | None:
        if fault == "reset":
            return None
        if fault == "html_200":
            return Answer(200, _SIGN_IN_PAGE, content_type=b"text/html")
        if fault == "429":
            excess = per_second_excess(self.operation.label, 1)
            body = {"code": 429, "message": excess.message}
            return to_json(body, 429)._replace(headers=excess.headers)
        status = _SERVER_ERRORS[int(place * len(_SERVER_ERRORS))]
        return to_json({"code": status, "message": "The service is unavailable."}, status)


def application(service: Service, reset: Callable[[Scope], None]) -> Starlette:
    """The ASGI application. `reset(scope)` must break the connection of a request."""
    routes = [
        Route(f"/v2{operation.path}", Endpoint(operation, service, reset), methods=["GET"])
        for operation in OPERATIONS
    ]
    routes.append(Route(OAUTH_PATH, _token(service), methods=["POST"]))
    return Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_allowed})


def _token(service: Service) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def token(request: Request) -> JSONResponse:
        text = (await request.body()).decode("utf-8", "replace")
        fields = {**request.query_params, **dict(parse_qsl(text))}
        authorization = request.headers.get("authorization", "")
        now = service.conduct.clock()
        status, body = service.tokens.answer(authorization, fields, now)
        service.requests.by_template[OAUTH_PATH, status] += 1
        return JSONResponse(body, status)

    return token


async def _not_found(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"code": 2300, "message": "This API endpoint is not recognized."}, 404)


async def _not_allowed(request: Request, _: Exception) -> JSONResponse:
    message = f"Request method '{request.method}' is not supported."
    return JSONResponse({"code": 405, "message": message}, 405)
