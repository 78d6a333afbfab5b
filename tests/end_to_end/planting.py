"""Secrets planted in every answer of a served account, each unlike any other.

Documented places, and such as nobody would expect. A canary is a number or a text of which no
shape tells that it is a secret: only the place it stands in does. So one that is found in what the
program wrote was let through, and its number tells from where.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import quote, urlsplit

from tests.end_to_end.between import Reply, Request

Json = Any

TEXT = re.compile(rb"kanarie(\d{6})q", re.IGNORECASE)
NUMBER = re.compile(rb"73190(\d{6})(?!\d)")
HASHES = re.compile(rb"[0-9a-f]{32,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Hashes and UUIDs. Among so many digits a `NUMBER` stands by chance now and then."""


@dataclass
class Canaries:
    """Numbered secrets, and where each was planted."""

    places: dict[int, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(1))

    def text(self, place: str) -> str:
        """A secret text."""
        number = next(self._numbers)
        self.places[number] = place
        return f"kanarie{number:06}q"

    def number(self, place: str) -> int:
        """A secret number."""
        number = next(self._numbers)
        self.places[number] = place
        return int(f"73190{number:06}")

    def found(self, content: bytes) -> set[str]:
        """The places of all canaries in `content`."""
        texts = {self.places.get(int(number), "nowhere") for number in TEXT.findall(content)}
        numbers = {int(number) for number in NUMBER.findall(HASHES.sub(b"", content))}
        return texts | {self.places[number] for number in numbers & self.places.keys()}


DOCUMENTED = (
    *("passcode", "password", "pmi_password", "password_for_pmi", "h323_password"),
    *("h323_passcode", "pstn_password", "phone_password", "encrypted_password"),
    *("default_password_for_scheduled_meetings", "recording_play_passcode", "meeting_password"),
    *("host_key", "zak", "token", "access_token", "refresh_token", "authorized_channel_token"),
    *("smtp_delivery_address", "secret_token", "verification_token", "sip_password"),
    *("client_secret", "leader_pin", "start_url", "join_url", "registration_url", "download_url"),
    *("personal_meeting_url", "chat_join_url", "play_url", "plainToken", "encryptedToken"),
)
UNEXPECTED = (
    *("hostKey", "apiKey", "X-Api-Key", "meetingPassword", "STREAM_KEY", "webhookSecret"),
    *("aws_secret_access_key", "aws_access_key_id", "archive_credentials", "session_cookie"),
    *("one_time_code", "recovery_code", "presigned_url", "webhook_url", "private_key", "otp"),
)


def secrets(canaries: Canaries, where: str) -> dict[str, Json]:
    """An object full of secrets, in the places where they might stand."""

    def text(place: str) -> str:
        return canaries.text(f"{where}: {place}")

    def number(place: str) -> int:
        return canaries.number(f"{where}: {place}")

    address = f"https://zoom.us/j/85746065?pwd={text('address')}&from=x"
    inner = {"h323_password": text("JSON in text"), "on": True}
    return {
        **{name: text(name) for name in DOCUMENTED + UNEXPECTED},
        "pin": number("pin, a number"),
        "host_keys": [number("numbers in a list"), [text("list in a list")], {"v": text("deeper")}],
        "credentials": {"login": text("credentials"), "more": {"any": [text("more of them")]}},
        "sip": {"sip_uri": f"85746065.{number('dial string')}@zoomcrc.com"},
        "custom_attributes": [{"key": "cbf1", "name": "Host key", "value": text("name and value")}],
        "changes": [{"field": "password", "old_value": text("old"), "new_value": text("new")}],
        f"https://zoom.us/s/1?zak={text('key that is an address')}": True,
        f"passcode: {text('key that is a label')}": {"a": 1},
        "note": f"Join {address}",
        "redirect": f"/signin?next={quote(address, safe='')}&access_token={text('query')}",
        "blob": json.dumps(inner),
        "blob_in_blob": json.dumps([json.dumps(inner)]),
        "log": f"sent {json.dumps(json.dumps(inner))}",
        "invitation": invitation(text, number),
        "operation_detail": f"Update meeting 857 - Passcode: {text('operation log')}",
        "html": f"<p>Passcode: <b>x</b></p><a href='{address}'>join</a> password={text('html')}",
        "header": f"Authorization: Bearer {text('bearer')}",
    }


def invitation(text: Callable[[str], str], number: Callable[[str], int]) -> str:
    """The text of an invitation, as Zoom writes it."""
    return (
        "Anna is inviting you to a scheduled Zoom meeting.\n\nJoin Zoom Meeting\n"
        f"https://acme.zoom.us/j/85746065?pwd={text('invitation, address')}.1\n\n"
        f"Meeting ID: 857 460 65\nPasscode: {text('invitation, passcode')}\n\n---\n\n"
        f"One tap mobile\n+16699009128,,85746065#,,,,*{number('one tap')}# US (San Jose)\n\n"
        f"Join by SIP\n\u2022 85746065.{number('invitation, SIP')}@zoomcrc.com\n"
        f"Host key: {number('invitation, host key')}\n"
    )


def planted(document: Json, canaries: Canaries, where: str) -> Json:
    """`document` with secrets in every object of it."""
    if isinstance(document, list):
        return [planted(item, canaries, where) for item in document]
    if not isinstance(document, dict):
        return document
    inner = {key: planted(value, canaries, f"{where} {key}") for key, value in document.items()}
    return {**secrets(canaries, where), **inner}


def said(canaries: Canaries, where: str) -> str:
    """An error message that tells secrets."""
    return (
        f"Wrong passcode {canaries.text(f'{where}: bare passcode')}1, password: "
        f"{canaries.text(f'{where}: labelled')} for "
        f"https://zoom.us/j/1?pwd={canaries.text(f'{where}: address')} "
        f"(Bearer {canaries.text(f'{where}: bearer')}.x)"
    )


@dataclass
class Planting:
    """Changes every answer. `errors` says which paths answer with an error, and with which."""

    canaries: Canaries = field(default_factory=Canaries)
    errors: Mapping[str, str] = field(default_factory=dict)
    token_path: str = "/oauth/token"

    def __call__(self, request: Request, reply: Reply) -> Reply:
        """The answer, with secrets in it."""
        path = urlsplit(request.path).path
        where = re.sub(r"(?<=/)[\w%=-]*\d[\w%=-]*", "…", path.removeprefix("/v2"))
        for part, kind in self.errors.items():
            if path.endswith(part):
                reply = self._error(kind, where)
                break
        else:
            if path != self.token_path and reply.status == 200:
                body = planted(json.loads(reply.body), self.canaries, where)
                reply = Reply(200, reply.headers, json.dumps(body).encode())
        return Reply(reply.status, {**reply.headers, **self._headers(where)}, reply.body)

    def _headers(self, where: str) -> dict[str, str]:
        def text(name: str) -> str:
            return self.canaries.text(f"{where}: header {name}")

        return {
            "Set-Cookie": f"session={text('cookie')}; Path=/",
            "X-Api-Key": text("key"),
            "x-zm-trackingid": f"v=2.0;zak={text('tracking')};rid=WEB_1",
            "WWW-Authenticate": f'Bearer realm="{text("realm")}"',
        }

    def _error(self, kind: str, where: str) -> Reply:
        words = said(self.canaries, f"{where} {kind}")
        json_kind = {"Content-Type": "application/json"}
        if kind == "page":
            page = f"<html><title>{words}</title><body>{words}</body></html>"
            return Reply(403, {"Content-Type": "text/html"}, page.encode())
        if kind == "redirect":
            place = f"https://evil.example/?token={self.canaries.text(f'{where}: target')}"
            return Reply(302, {"Location": place, **json_kind}, b"{}")
        if kind == "odd kind":
            odd = f"text/x-{self.canaries.text(f'{where}: content type')}-{'x' * 60}"
            return Reply(200, {"Content-Type": odd}, words.encode())
        if kind == "half":
            return Reply(
                200, json_kind, json.dumps({"password": words, "note": words}).encode()[:-9]
            )
        status = int(kind)
        document = {"code": 300, "message": words, "errors": [{"field": "x", "message": words}]}
        return Reply(
            status, json_kind, json.dumps(planted(document, self.canaries, where)).encode()
        )
