"""The token endpoint: Server-to-Server OAuth, as of 2026-11."""

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

TOKEN_LIFE: Final = 3599
"""Seconds."""


@dataclass
class Tokens:
    """Credentials of the app, and its access tokens. Times are epoch seconds."""

    account_id: str
    client_id: str
    client_secret: str
    owner_id: str
    scopes: tuple[str, ...]
    api_url: str = ""
    """Scheme, host and port, without `/v2`."""
    life: int = TOKEN_LIFE
    deactivated: bool = False
    _expiries: dict[str, float] = field(default_factory=dict, init=False)
    _issued: int = field(default=0, init=False)

    def answer(
        self, authorization: str, fields: Mapping[str, str], now: float
    ) -> tuple[int, dict[str, object]]:
        """Status and body for a token request with this Authorization header and parameters."""
        if not self.is_client(authorization):
            return _refusal("Invalid client_id or client_secret", "invalid_client")
        if self.deactivated:
            # The body Zoom sends here is not recorded anywhere; the code list only says
            # "4717 The app has been disabled".
            return _refusal("The app has been disabled", "unauthorized_client")
        if fields.get("grant_type") != "account_credentials":
            return _refusal("unsupported grant type", "unsupported_grant_type")
        if fields.get("account_id") != self.account_id:
            return _refusal("Bad Request", "invalid_request")
        return 200, {
            "access_token": self._issue(now),
            "token_type": "bearer",
            "expires_in": self.life,
            "scope": " ".join(self.scopes),
            "api_url": self.api_url,
        }

    def state(self, bearer: str, now: float) -> Literal["valid", "expired", "unknown"]:
        """The state of a bearer token on the API."""
        expiry = self._expiries.get(bearer)
        if expiry is None or self.deactivated:
            return "unknown"
        return "valid" if now < expiry else "expired"

    def revoke(self) -> None:
        """Forget every token issued so far."""
        self._expiries.clear()

    def is_client(self, authorization: str) -> bool:
        """True if the Authorization header holds the client id and secret of this app."""
        kind, _, encoded = authorization.partition(" ")
        try:
            decoded = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, ValueError):
            return False
        expected = f"{self.client_id}:{self.client_secret}"
        return kind.lower() == "basic" and secrets.compare_digest(
            decoded.encode(), expected.encode()
        )

    def _issue(self, now: float) -> str:
        """A token in the shape of Zoom's: a JWT that names the account in `aid`.

        Equal runs get equal signatures; tokens differ only by their time.
        """
        self._issued += 1
        claims = {
            "aud": "https://oauth.zoom.us",
            "uid": self.owner_id,
            "ver": 10,
            "iss": f"zm:cid:{self.client_id}",
            "nbf": int(now),
            "iat": int(now),
            "exp": int(now) + self.life,
            "type": 3,
            "aid": self.account_id,
        }
        key = hashlib.blake2b(self.client_secret.encode()).digest()
        sealed = hashlib.blake2b(str(self._issued).encode(), digest_size=16, key=key)
        signature = f"CANARY-access-token-{sealed.hexdigest()}"
        token = f"{_part({'alg': 'HS512', 'typ': 'JWT'})}.{_part(claims)}.{signature}"
        self._expiries[token] = now + self.life
        return token


def _refusal(reason: str, error: str) -> tuple[int, dict[str, object]]:
    return 400, {"reason": reason, "error": error}


def _part(content: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
