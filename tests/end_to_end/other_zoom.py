"""A second, independent Zoom API for tests: small, hand-written, and different where it may be.

Written from the documented facts of the API alone. It makes the choices the sandbox does not: pages
by number, the security view flattened, authentication nested, locks as objects, texts where numbers
are usual, rows with keys missing, sections empty, keys nobody documents, an undeclared charset.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

ACCOUNT = "Acc0unt-Nr-7"
OPS, STUDIO = "701", "Stud10-_x"
PLAIN, TEXTUAL, LOUD, LAST, GONE = "u-plain", "u-textual", "u-loud", "u-last", "u-gone"
PER_PAGE = 2
"""Users on a page, whatever was asked for."""

Json = Any

_ON, _OFF = {"locked": True, "locked_by": "account"}, {"locked": False}

ACCOUNT_SETTINGS: Json = {
    "chat": {
        "ai_summary": {"enable": False, "shown_in_team_chat": True},
        "ai_compose": {"enable": True},  # planted
        "ai_quick_reply": False,
        "ai_quick_schedule": True,  # planted
    },
    "in_meeting": {
        "meeting_summary_with_ai_companion": {"enable": False, "auto_enable": False},
        "ai_companion_questions": {
            "enable": True,  # planted
            "auto_enable": False,
            "who_can_ask_questions": "3",  # a text: nobody can tell
        },
        "auto_saving_chat": False,
        "allow_live_streaming": False,
        "ai_mood_reader": True,  # planted: a key nobody knows
        "quantum_backgrounds": {"enable": True, "level": 3},
    },
    "recording": {
        "local_recording": False,
        "cloud_recording": False,
        "auto_recording": "none",
        "smart_recording": {},
    },
    "schedule_meeting": {"join_before_host": False},
    "tsp": {},
    "zoom_rooms": {},
    "other_options": {},
    "trace": {"shard": 7},
}
ACCOUNT_LOCKS: Json = {
    "chat": {"ai_summary": True, "ai_compose": True, "ai_reply": True, "ai_quick_schedule": True},
    "in_meeting": {
        "meeting_summary_with_ai_companion": _ON,
        "ai_companion_questions": _OFF,  # planted
        "auto_saving_chat": _ON,
        "allow_live_streaming": True,
        "entry_exit_chime": "none",
    },
    "recording": {"local_recording": _OFF, "cloud_recording": True},  # planted: local_recording
    "schedule_meeting": {"join_before_host": True, "meeting_authentication": True},
    "tsp": {},
}
SECURITY_LOCKS: Json = {"meeting_security": {"waiting_room": False, "auto_security": True}}
"""Planted: waiting_room."""
SECURITY_FLAT: Json = {
    "sign_in_with_two_factor_auth": "none",  # planted
    "signin_with_sso": {"enable": True, "require_sso_for_domains": "true"},
    "hide_billing_info": True,
}
WAITING: Json = {"waiting_room": True, "end_to_end_encrypted_meetings": True}

GROUPS: Json = [
    {"id": 701, "name": "Ops", "total_members": "2"},
    {"id": STUDIO, "name": "Studio", "total_members": 0, "colour": "red"},
]
GROUP_SETTINGS: Json = {
    OPS: {
        "in_meeting": {"auto_saving_chat": True, "allow_live_streaming": False},  # planted
        "recording": {"local_recording": False},
    },
    STUDIO: {
        "recording": {"local_recording": True, "auto_recording": "cloud"},  # planted, both
        "in_meeting": {},
        "schedule_meeting": {},
    },
}
USERS: Json = {
    "active": [
        {"id": PLAIN, "email": "plain@example.com"},
        {
            "id": TEXTUAL,
            "email": "textual@example.com",
            "type": "2",
            "pmi": "123 456 7890",
            "group_ids": ["701"],
        },
        {
            "id": LOUD,
            "first_name": "Loud",
            "last_name": "Speaker",
            "email": "loud@example.com",
            "type": 2,
            "group_ids": [STUDIO],
            "plan_united_type": "1",
        },
        {"id": LAST, "email": "last@example.com", "type": 2, "group_ids": []},
    ],
    "inactive": [{"id": GONE, "email": "gone@example.com", "type": 2}],
    "pending": [{"email": "invited@example.com", "status": "pending"}],
}
USER_SETTINGS: Json = {
    PLAIN: {
        "in_meeting": {"meeting_summary_with_ai_companion": {"enable": False}},
        "recording": {"local_recording": False, "smart_recording": {"create_next_steps": True}},
    },  # planted: create_next_steps
    TEXTUAL: {
        "in_meeting": {
            "meeting_summary_with_ai_companion": {
                "enable": "false",  # a text: nobody can tell
                "auto_enable": True,  # planted
            }
        },
        "recording": {"local_recording": "off", "auto_recording": "none"},
        "integration": {"linkedin_sales_navigator": False},
        "other_options": {},
    },
    LOUD: {
        "in_meeting": {
            "meeting_summary_with_ai_companion": {
                "enable": True,  # planted
                "auto_enable": False,
                "who_will_receive_summary": 4,  # planted
            },
            "allow_live_streaming": True,  # planted
        },
        "recording": {"local_recording": True},  # planted
    },
    LAST: {"in_meeting": {"auto_saving_chat": True}, "recording": {}},  # planted
    GONE: {
        "recording": {"ask_participants_to_consent_disclaimer": False},  # planted
        "schedule_meeting": {"join_before_host": True},  # planted
    },
}
JOINING: Json = {
    LAST: {"meeting_authentication": False, "allow_authentication_exception": False},
}
"""The authentication view of users that differ; planted: LAST is not asked to sign in."""
STRICT: Json = {"meeting_authentication": True, "allow_authentication_exception": False}

VALUES = {
    ("account", ACCOUNT, "chat.ai_compose.enable"),
    ("account", ACCOUNT, "chat.ai_quick_schedule"),
    ("account", ACCOUNT, "in_meeting.ai_companion_questions.enable"),
    ("account", ACCOUNT, "security.sign_in_with_two_factor_auth"),
    ("group", OPS, "in_meeting.auto_saving_chat"),
    ("group", STUDIO, "recording.local_recording"),
    ("group", STUDIO, "recording.auto_recording"),
    ("user", PLAIN, "recording.smart_recording.create_next_steps"),
    ("user", TEXTUAL, "in_meeting.meeting_summary_with_ai_companion.auto_enable"),
    ("user", LOUD, "in_meeting.meeting_summary_with_ai_companion.enable"),
    ("user", LOUD, "in_meeting.meeting_summary_with_ai_companion.who_will_receive_summary"),
    ("user", LOUD, "in_meeting.allow_live_streaming"),
    ("user", LOUD, "recording.local_recording"),
    ("user", LAST, "in_meeting.auto_saving_chat"),
    ("user", LAST, "meeting_authentication"),
    ("user", GONE, "recording.ask_participants_to_consent_disclaimer"),
    ("user", GONE, "schedule_meeting.join_before_host"),
}
"""Every value planted against the strict baseline: level, scope, setting."""
LOCKS = {
    "in_meeting.ai_companion_questions.enable",
    "in_meeting.ai_companion_questions.auto_enable",
    "in_meeting.ai_companion_questions.who_can_ask_questions",
    "recording.local_recording",
    "meeting_security.waiting_room",
}
"""Every setting of the account whose lock is planted open."""


@dataclass
class OtherZoom:
    """A served account."""

    origin: str = ""
    """Scheme, host and port, once it is served."""
    asked: list[str] = field(default_factory=list)
    """Paths with their queries."""
    account_id: str = ACCOUNT
    client_id: str = "other-client"
    client_secret: str = "other-secret"

    @property
    def api_url(self) -> str:
        """Base of the API."""
        return f"{self.origin}/v2"

    @property
    def oauth_url(self) -> str:
        """The token endpoint."""
        return f"{self.origin}/oauth/token"

    def token(self, authorization: str, fields: dict[str, str]) -> tuple[int, Json]:
        """Answer a token request."""
        expected = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if authorization != f"Basic {expected}":
            return 401, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}
        if fields != {"grant_type": "account_credentials", "account_id": self.account_id}:
            return 400, {"reason": "Bad Request", "error": "invalid_request"}
        return 200, {
            "access_token": "other.token",
            "token_type": "Bearer",
            "expires_in": "3599",
            "scope": "account:read:admin user:read:admin group:read:admin",
        }

    def accepts(self, authorization: str) -> bool:
        """Whether a request may be answered."""
        return authorization == "Bearer other.token"

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Json]:
        """Answer a request to the API."""
        match path.strip("/").split("/"):
            case ["accounts", "me" | "Acc0unt-Nr-7", surface]:
                return view(_account(surface), query)
            case ["groups"]:
                return 200, {"groups": GROUPS, "total_records": "2"}
            case ["groups", group, "settings"] if group in GROUP_SETTINGS:
                return view({"": GROUP_SETTINGS[group], "meeting_security": WAITING}, query)
            case ["groups", group, "lock_settings"] if group in GROUP_SETTINGS:
                return view({"": {"recording": {"local_recording": _OFF}}}, query)
            case ["users"]:
                return page(USERS.get(query.get("status", "active")), query)
            case ["users", user, "settings"] if user in USER_SETTINGS:
                joining = JOINING.get(user, STRICT)
                nested = {"authentication_options": {"meeting_authentication": joining}}
                views = {
                    "": USER_SETTINGS[user],
                    "meeting_authentication": nested,
                    "meeting_security": {"meeting_security": WAITING, "password_for_pmi": "x"},
                }
                return view(views, query)
            case ["roles", *_]:
                return 403, {"code": 200, "message": "No permission."}
            case ["groups", *_]:
                return 404, {"code": 4130, "message": "A group with this id does not exist."}
            case ["users", user, *_]:
                return 404, {"code": 1001, "message": f"User does not exist: {user}"}
        return 404, {"code": 2300, "message": "This API endpoint is not recognized."}


def _account(surface: str) -> dict[str, Json]:
    if surface == "lock_settings":
        return {"": ACCOUNT_LOCKS, "meeting_security": SECURITY_LOCKS}
    return {
        "": ACCOUNT_SETTINGS,
        "meeting_authentication": STRICT,
        "security": SECURITY_FLAT,
        "meeting_security": {"meeting_security": WAITING},
    }


def view(views: dict[str, Json], query: dict[str, str]) -> tuple[int, Json]:
    body = views.get(query.get("option", ""))
    if body is None:
        return 400, {"code": 300, "message": "Validation Failed.", "errors": [{"field": "option"}]}
    return 200, body


def page(rows: list[Json] | None, query: dict[str, str]) -> tuple[int, Json]:
    if rows is None:
        return 400, {"code": 300, "message": "Invalid field."}
    number = int(query.get("page_number", 1))
    return 200, {
        "page_count": -(-len(rows) // PER_PAGE),
        "page_number": number,
        "page_size": PER_PAGE,
        "total_records": len(rows),
        "users": rows[(number - 1) * PER_PAGE : number * PER_PAGE],
        "motd": {"text": "planned maintenance"},
    }


Served = TypeVar("Served", bound=OtherZoom)


@contextmanager
def serve(account: Served) -> Iterator[Served]:
    """Serve the account on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """The token endpoint; parameters in the body or in the address."""
            address = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            fields = dict(parse_qsl(address.query) + parse_qsl(self.rfile.read(length).decode()))
            self._send(*account.token(self.headers.get("Authorization", ""), fields))

        def do_GET(self) -> None:
            """The API."""
            account.asked.append(self.path)
            address = urlsplit(self.path)
            if not account.accepts(self.headers.get("Authorization", "")):
                self._send(401, {"code": 124, "message": "Invalid access token."})
            else:
                path = address.path.removeprefix("/v2")
                self._send(*account.answer(path, dict(parse_qsl(address.query))))

        def _send(self, status: int, body: Json) -> None:
            raw = json.dumps(body, indent=1).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        account.origin = f"http://127.0.0.1:{server.server_address[1]}"
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield account
        finally:
            server.shutdown()
            thread.join()
