"""One route of the simulated API: token, faults, limits and scopes, then the response."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from auditor.sandbox.broken import SPOILED, instead, spoiled
from auditor.sandbox.identity import digest
from auditor.sandbox.limits import Label
from auditor.sandbox.service import Call, Refused, SandboxResponse, Service, emptied, rate_limited


class Operation(NamedTuple):
    """One operation of the API."""

    path: str
    label: Label
    answer: Callable[[Service, Call], SandboxResponse]
    scopes: tuple[str, ...]
    """Granular scopes, any of which suffices."""
    classic: str = ""
    """The older scope that suffices too."""


Handler = Callable[[Service, Call], SandboxResponse]


def operation(
    path: str, label: Label, *scopes: str, classic: str = ""
) -> Callable[[Handler], Handler]:
    """Declare that a function answers an operation."""

    def declare(answer: Handler) -> Handler:
        _OPERATIONS.append(Operation(path, label, answer, scopes, classic))
        return answer

    return declare


_OPERATIONS: list[Operation] = []


def operations_of(module: ModuleType) -> tuple[Operation, ...]:
    """The operations that functions of a module answer, in the order of the module."""
    return tuple(each for each in _OPERATIONS if each.answer.__module__ == module.__name__)


class ServedEndpoint:
    """Serves one operation: checks token, faults, limits and scopes, then responds."""

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
        headers = [
            (b"content-type", answer.content_type),
            (b"content-length", str(len(answer.body)).encode()),
        ]
        if answer.from_zoom:
            tracking = digest(service.world.seed, "tracking", requests.total).hex()[:16].upper()
            headers.append((b"x-zm-trackingid", f"v=2.0;clid=us02;rid=SBX_{tracking}".encode()))
            headers += (self._category,) if answer.headers is None else answer.headers
        if answer.held:
            await asyncio.sleep(answer.held)
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, scope: Scope, ids: dict[str, str]) -> SandboxResponse | None:
        """The response; None for a reset connection."""
        service, now = self.service, self.service.clock()
        query = scope["query_string"].decode("latin-1")
        drawn = None
        try:
            self._require_token(scope, now)
            drawn = service.draw.next(f"{scope['path']}?{query}")
            if drawn is not None and drawn[0] not in SPOILED:
                if drawn[0] == "reset":
                    return None
                return instead(*drawn, service.faults, self.operation.label, now)
            excess = service.limits.admit(self.operation.label, phone=self._is_phone, now=now)
            if excess is not None:
                return rate_limited(excess)
            self._require_scope()
            pairs = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
            answer = self.operation.answer(service, Call(self.operation.path, ids, pairs, now))
            if service.conduct.empty:
                answer = emptied(answer)
        except Refused as refused:
            answer = refused.answer()
        if drawn is not None:
            return spoiled(*drawn, service.faults, answer)
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
