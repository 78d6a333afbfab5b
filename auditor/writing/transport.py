"""Transport of the writing app: the transport of reading, and PATCH of the five documents."""

import json
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import requests

from auditor.evidence.reading import JsonValue
from auditor.writing.endpoints import METHOD, is_permitted
from auditor.zoom.bounded_http import WriteMethodBlocked
from auditor.zoom.transport import HEADERS, Bearer, RequestBounds, Response, Transport


class WriteTransport(Transport):
    """Sends reads, token requests, and PATCH of settings and locks. Never sends one again."""

    def __init__(
        self, bounds: RequestBounds | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(bounds, clock=clock, permits=is_permitted)

    def patch(
        self,
        url: str,
        params: Mapping[str, str],
        body: Mapping[str, JsonValue],
        auth: Bearer,
        request: str,
    ) -> Response:
        """The response to one PATCH, which errors call `request`. Raises like `get`.

        Raises:
            WriteMethodBlocked: the address is not that of settings or locks.
        """
        parts = urlsplit(url)
        option = "".join(f"?{name}={value}" for name, value in params.items())
        if parts.query or parts.fragment or not is_permitted(METHOD, parts.path + option):
            raise WriteMethodBlocked(METHOD)
        content = json.dumps(body, separators=(",", ":")).encode()
        headers = {**HEADERS, "Content-Type": "application/json"}
        made = requests.Request(METHOD, url, headers=headers, params=params, data=content)
        made.auth = auth
        return self._send(made.prepare(), request)
