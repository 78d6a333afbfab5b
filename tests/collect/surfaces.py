"""A Zoom account in memory: responses by path and parameter."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from auditor.collect.collector import Collector
from auditor.evidence.read_plan import ReadPlan
from auditor.evidence.reading import Unseen
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import SETTINGS, Document, ReadFailure, View
from auditor.surfaces.model import ZoomApi
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import NotFound, Rejected

AT = "2026-11-21T20:00:00.000Z"
PEOPLE: dict[str, list[dict[str, Any]]] = {
    "/users?status=active": [
        {"id": "u1", "email": "ada@example.com", "display_name": "Ada", "group_ids": ["g1"]},
        {"id": "u2", "email": "ben@example.com", "display_name": "Ben", "group_ids": ["g2"]},
        {"id": "u3", "email": "cyd@example.com", "display_name": "Cyd", "group_ids": []},
    ],
    "/users?status=inactive": [{"id": "u4", "email": "dan@example.com", "group_ids": ["g1"]}],
    "/groups": [{"id": "g1", "name": "Clinical"}, {"id": "g2", "name": "Sales"}],
}
UNKNOWN_ENDPOINT = Rejected("GET /x", "This API endpoint is not recognized.", code=2300)


@dataclass
class Zoom(ZoomApi):
    """Answers requests. A key is a path, or a path with one of its parameters."""

    answers: Mapping[str, Any]
    requests: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def authenticate(self) -> frozenset[str]:
        return frozenset()

    def get(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        result: dict[str, Any] = self._answer(endpoint, ids or {}, params or {})
        return result

    def items(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        yield from self._answer(endpoint, ids or {}, params or {})

    def _answer(self, endpoint: Endpoint, ids: Mapping[str, str], params: Mapping[str, str]) -> Any:
        path = endpoint.path
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", value)
        pairs = [f"{key}={value}" for key, value in params.items()]
        with self._lock:
            self.requests.append(f"{path}?{'&'.join(pairs)}" if pairs else path)
        for key in (*(f"{path}?{pair}" for pair in pairs), path):
            if key in self.answers:
                answer = self.answers[key]
                if isinstance(answer, Exception):
                    raise answer
                return answer
        raise NotFound(endpoint.request, status=404)

    def times(self, path: str) -> int:
        """How many requests went to a path."""
        return sum(request.partition("?")[0] == path for request in self.requests)


def collected(zoom: Zoom, reads: ReadPlan, workers: int = 8, now: str = AT) -> Snapshot:
    """The snapshot of a collection with the plan."""
    snapshot = Snapshot.create()
    Collector(zoom, snapshot, reads, "acc", lambda: workers, now=lambda: now).collect()
    return snapshot


def read(answers: Mapping[str, Any], reads: ReadPlan) -> Snapshot:
    return collected(Zoom({**PEOPLE, **answers}), reads)


def of(snapshot: Snapshot, level: Level, view: View) -> dict[str, Any]:
    """Scope id to the document, or to the reason why there is none."""
    return {
        each.scope.id: _result(each.outcomes[view])
        for each in snapshot.evidence(level)
        if view in each.outcomes
    }


def account(snapshot: Snapshot, view: View) -> Any:
    return of(snapshot, Level.ACCOUNT, view)["acc"]


def _result(outcome: Document | ReadFailure) -> Any:
    return outcome.body if isinstance(outcome, Document) else outcome.unseen


def cause(result: Any) -> str:
    assert isinstance(result, Unseen), result
    return result.cause.value


def settings(**features: dict[str, bool]) -> dict[str, Any]:
    """Settings documents of users: user id to licensed features."""
    return {f"/users/{user}/settings": {"feature": flags} for user, flags in features.items()}


READ_SETTINGS = (SETTINGS,)
