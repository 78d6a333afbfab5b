"""The receiver: answers Zoom's webhooks, and says whether it works."""

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from auditor.errors import AuditorError
from auditor.evidence import json_values
from auditor.watch import events, signing
from auditor.watch.inbox import Inbox, InboxFull

_log = logging.getLogger(__name__)

LARGEST_BODY = 1024 * 1024
"""Bytes of an event. The largest known, of all settings of an account, has some 100 KB."""
LARGEST_DISCARDED = 32 * 1024 * 1024
"""Bytes of a larger body that are read and thrown away, so that its sender gets an answer."""
MOST_VALUES = 50_000
DEEPEST = 40
READ_WITHIN = 2.0
"""Seconds for a body to arrive. Zoom waits 3 seconds for an answer."""
KEEP_WITHIN = 2.5
"""Seconds for an event to be stored."""

_PLAIN_TOKEN = re.compile(r"[A-Za-z0-9_+/=-]{1,200}", re.ASCII)
"""A token to sign. Without a colon, its signature can never be that of an event."""


@dataclass
class ReceiverState:
    """What the receiver counts, for the health and metrics endpoints."""

    started_at: float = field(default_factory=time.time)
    answers: Counter[str] = field(default_factory=Counter)
    """Requests by result."""
    last_event_at: float | None = None
    last_validation_at: float | None = None
    event_problem: str = ""
    """Why the last event could not be kept; empty if it could."""
    audit_problem: str = ""
    """Why the last audit failed; empty if it did not."""

    @property
    def problem(self) -> str:
        """Why events or audits fail at present; empty if they do not."""
        return self.event_problem or self.audit_problem


@dataclass(frozen=True)
class Receiver:
    """The web application."""

    secret: str = field(repr=False)
    account_id: str
    inbox: Inbox
    state: ReceiverState = field(default_factory=ReceiverState)
    clock: Callable[[], float] = time.time

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/", self._receive, methods=["POST"]),
                Route("/webhook", self._receive, methods=["POST"]),
                Route("/healthz", self._health, methods=["GET"]),
                Route("/metrics", self._metrics, methods=["GET"]),
            ]
        )

    async def _receive(self, request: Request) -> Response:
        result, response = await self._answered(request)
        self.state.answers[result] += 1
        return response

    async def _answered(self, request: Request) -> tuple[str, Response]:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return "refused", _refusal(415, "The content type is not application/json.")
        try:
            raw = await asyncio.wait_for(_body(request), READ_WITHIN)
        except TimeoutError:
            return "refused", _refusal(408, "The body did not arrive in time.")
        except ClientDisconnect:
            return "refused", _refusal(400, "The body did not arrive.")
        if raw is None:
            return "refused", _refusal(413, "The body is too large.")
        try:
            signing.verify(
                self.secret,
                request.headers.get(signing.TIMESTAMP_HEADER, ""),
                request.headers.get(signing.SIGNATURE_HEADER, ""),
                raw,
                self.clock(),
            )
        except signing.InvalidSignature as error:
            _log.warning("A request was refused: %s.", error)
            return "refused", _refusal(401, "The signature is not valid.")
        try:
            body = json_values.parse(raw.decode("utf-8"), values=MOST_VALUES, depth=DEEPEST)
            if not isinstance(body, dict):
                raise ValueError("it is not an object")
            return await self._event(body, raw)
        except (ValueError, RecursionError, events.InvalidEvent):
            return "refused", _refusal(400, "The body is not an event.")

    async def _event(self, body: Mapping[str, Any], raw: bytes) -> tuple[str, Response]:
        if body.get("event") == events.URL_VALIDATION:
            return self._validation(body)
        event = events.parse(body, raw, datetime.fromtimestamp(self.clock(), UTC))
        if event.account_id != self.account_id:
            return "ignored", Response(status_code=204)
        try:
            is_new = await asyncio.wait_for(self.inbox.keep(event), KEEP_WITHIN)
        except (TimeoutError, InboxFull):
            self.state.event_problem = "The store did not keep an event in time."
            return "not kept", _refusal(503, "The event could not be kept now. Send it again.")
        except AuditorError as error:
            self.state.event_problem = str(error)
            _log.error("An event could not be kept. %s", error)
            return "not kept", _refusal(503, "The event could not be kept now. Send it again.")
        self.state.event_problem = ""
        self.state.last_event_at = self.clock()
        if not is_new:
            return "repeated", JSONResponse({"status": "known"})
        return "kept", JSONResponse({"status": "kept"})

    def _validation(self, body: Mapping[str, Any]) -> tuple[str, Response]:
        payload = body.get("payload")
        token = payload.get("plainToken") if isinstance(payload, dict) else None
        if not isinstance(token, str) or not _PLAIN_TOKEN.fullmatch(token):
            return "refused", _refusal(400, "The token to sign is not of Zoom's form.")
        self.state.last_validation_at = self.clock()
        encrypted = signing.digest(self.secret, token.encode())
        return "validated", JSONResponse({"plainToken": token, "encryptedToken": encrypted})

    async def _health(self, _: Request) -> Response:
        state = self.state
        return JSONResponse(
            {
                "status": "failing" if state.problem else "ok",
                "since": _rfc3339(state.started_at),
                "last_event_at": _rfc3339(state.last_event_at),
                "last_validation_at": _rfc3339(state.last_validation_at),
            },
            status_code=503 if state.problem else 200,
        )

    async def _metrics(self, _: Request) -> Response:
        state = self.state
        lines = [
            "# HELP auditor_watch_requests_total Webhook requests by result.",
            "# TYPE auditor_watch_requests_total counter",
            *(
                f'auditor_watch_requests_total{{result="{result}"}} {count}'
                for result, count in sorted(state.answers.items())
            ),
            "# HELP auditor_watch_failing 1 if events cannot be kept or audited, else 0.",
            "# TYPE auditor_watch_failing gauge",
            f"auditor_watch_failing {int(bool(state.problem))}",
        ]
        if state.last_event_at is not None:
            lines += [
                "# HELP auditor_watch_last_event_timestamp_seconds When an event was kept last.",
                "# TYPE auditor_watch_last_event_timestamp_seconds gauge",
                f"auditor_watch_last_event_timestamp_seconds {state.last_event_at:.0f}",
            ]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


async def _body(request: Request) -> bytes | None:
    """The body; None if it is too large."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= LARGEST_BODY:
            parts.append(part)
        else:
            parts.clear()
        if size > LARGEST_DISCARDED:
            return None
    return b"".join(parts) if size <= LARGEST_BODY else None


def _refusal(status: int, reason: str) -> Response:
    """A refusal; the connection is closed, so that an unread body is not read."""
    return JSONResponse({"error": reason}, status_code=status, headers={"Connection": "close"})


def _rfc3339(moment: float | None) -> str | None:
    return (
        None
        if moment is None
        else datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
    )
