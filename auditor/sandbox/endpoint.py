"""One route of the simulated API: token, faults, limits and scopes, then the response."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from auditor.sandbox.broken import SPOILED, instead, spoiled
from auditor.sandbox.identity import digest
from auditor.sandbox.limits import Label
from auditor.sandbox.service import (
    Call,
    Refused,
    SandboxResponse,
    Service,
    emptied,
    master_scope,
    rate_limited,
)


class Operation(NamedTuple):
    """One operation of the API."""

    path: str
    label: Label
    answer: Callable[[Service, Call], SandboxResponse]
    scopes: tuple[str, ...]
    """Granular scopes, any of which suffices."""
    classic: str = ""
    """The older scope that suffices too."""
    method: Literal["GET", "PATCH"] = "GET"

    @property
    def name(self) -> str:
        """How requests are counted: by the path template, with the method unless it is a GET."""
        return self.path if self.method == "GET" else f"{self.method} {self.path}"


Handler = Callable[[Service, Call], SandboxResponse]


def operation(
    path: str,
    label: Label,
    *scopes: str,
    classic: str = "",
    method: Literal["GET", "PATCH"] = "GET",
) -> Callable[[Handler], Handler]:
    """Declare that a function answers an operation."""

    def declare(answer: Handler) -> Handler:
        _OPERATIONS.append(Operation(path, label, answer, scopes, classic, method))
        return answer

    return declare


_OPERATIONS: list[Operation] = []


def operations_of(module: ModuleType) -> tuple[Operation, ...]:
    """The operations that functions of a module answer, in the order of the module."""
    return tuple(each for each in _OPERATIONS if each.answer.__module__ == module.__name__)


SUB_ACCOUNT = "subAccountId"
"""The placeholder of a sub account in paths that begin with it."""


class ServedEndpoint:
    """Serves one operation: checks token, faults, limits and scopes, then responds.

    A path with a sub account's id is answered by that account, and needs the `:master` scope.
    """

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
        ids: dict[str, str] = dict(scope["path_params"])
        below = service.sub_accounts.get(ids.pop(SUB_ACCOUNT, ids.get("accountId", "")))
        if service.conduct.latency_ms:
            await asyncio.sleep(service.conduct.latency_ms / 1000)
        name = self.operation.name
        body = await _body(receive) if self.operation.method == "PATCH" else b""
        service.observe("received", name)
        answer = self._answer(scope, ids, body, below)
        service.observe("answered", name)
        requests = service.requests
        if below is not None:
            below.requests.by_template[name, answer.status if answer else 0] += 1
        requests.by_template[name, answer.status if answer else 0] += 1
        if service.conduct.count_scopes:
            for id_ in ids.values():
                requests.by_scope[name, id_] += 1
        if answer is None:
            self.reset(scope)
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        headers = []
        if answer.status != 204:
            headers.append((b"content-type", answer.content_type))
            headers.append((b"content-length", str(len(answer.body)).encode()))
        if answer.from_zoom:
            tracking = digest(service.world.seed, "tracking", requests.total).hex()[:16].upper()
            headers.append((b"x-zm-trackingid", f"v=2.0;clid=us02;rid=SBX_{tracking}".encode()))
            headers += (self._category,) if answer.headers is None else answer.headers
        if answer.held:
            await asyncio.sleep(answer.held)
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(
        self, scope: Scope, ids: dict[str, str], body: bytes, below: Service | None
    ) -> SandboxResponse | None:
        """The response, of the sub account `below` if there is one; None for a reset connection."""
        service, now = self.service, self.service.clock()
        query = scope["query_string"].decode("latin-1")
        drawn = None
        try:
            scopes = self._scopes_of_token(scope, now)
            is_read = self.operation.method == "GET"
            drawn = service.draw.next(f"{'' if is_read else 'PATCH '}{scope['path']}?{query}")
            if drawn is not None and drawn[0] not in SPOILED:
                if drawn[0] == "reset":
                    return None
                return instead(*drawn, service.faults, self.operation.label, now)
            excess = service.limits.admit(self.operation.label, phone=self._is_phone, now=now)
            if excess is not None:
                return rate_limited(excess)
            self._require_scope(scopes, below)
            if SUB_ACCOUNT in scope["path_params"] and below is None:
                raise Refused(400, 2001, "Account does not exist.")
            pairs = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
            kind = _header(scope, b"content-type")
            call = Call(self.operation.path, ids, pairs, now, body, kind)
            answer = self.operation.answer(below or service, call)
            if not is_read and service.faults.loses_answer(service.writes):
                return None
            if service.conduct.empty and is_read:
                answer = emptied(answer)
        except Refused as refused:
            answer = refused.answer()
        if drawn is not None:
            return spoiled(*drawn, service.faults, answer)
        return answer

    def _scopes_of_token(self, scope: Scope, now: float) -> frozenset[str]:
        kind, _, bearer = _header(scope, b"authorization").partition(" ")
        if kind.lower() == "bearer":
            service = self.service
            apps = (
                (service.tokens, service.scopes),
                (service.writing_tokens, frozenset(service.writing_tokens.scopes)),
            )
            for app, scopes in apps:
                state = app.state(bearer, now)
                if state == "valid":
                    return scopes
                if state == "expired":
                    raise Refused(401, 124, "Access token is expired.")
        raise Refused(401, 124, "Invalid access token.")

    def _require_scope(self, granted: frozenset[str], below: Service | None) -> None:
        accepted, named = self._accepted, self.operation.scopes
        if below is not None:
            accepted = frozenset(map(master_scope, self.operation.scopes))
            named = tuple(sorted(accepted))
        if accepted.isdisjoint(granted):
            names = ", ".join(named)
            message = f"Invalid access token, does not contain scopes:[{names}]."
            raise Refused(400, 4711, message)


def _header(scope: Scope, name: bytes) -> str:
    values = (value for header, value in scope["headers"] if header == name)
    text: bytes = next(values, b"")
    return text.decode("latin-1")


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
