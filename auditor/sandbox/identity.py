"""Ids, names and addresses, computed from (seed, index) and back, so that no user is stored."""

import base64
import binascii
import hashlib
import re

_ROUNDS = 4
_FIRST = (
    "Ada", "Bilal", "Chiara", "Dmitri", "Esther", "Farid", "Greta", "Hana",
    "Idris", "Joana", "Kofi", "Lena", "Mateo", "Nadia", "Otto", "Priya",
    "Quentin", "Rosa", "Sven", "Tala", "Umar", "Vera", "Wanda", "Yusuf", "Zoe",
)  # fmt: skip
_LAST = (
    "Abara", "Berg", "Costa", "Dahl", "Engel", "Fontana", "Garin", "Holm", "Ito",
    "Jansen", "Kovac", "Lund", "Moreau", "Novak", "Okoye", "Petit", "Quist",
    "Rossi", "Sato", "Toth", "Ueda", "Vidal", "Weiss", "Yilmaz", "Zeman",
)  # fmt: skip
_GROUPS = (
    "Clinical Ops", "Sales", "Legal", "Studio", "Research", "People", "Finance",
    "Support", "Engineering", "Facilities", "Press", "Board",
)  # fmt: skip
_INDEX = re.compile(r"\.(\d+)@example\.com$")


def digest(seed: int, *parts: object) -> bytes:
    """16 bytes that depend on the seed and the parts alone."""
    text = "\x1f".join(map(str, (seed, *parts)))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def opaque_id(seed: int, kind: str, index: int) -> str:
    """The id of the object at `index`: 22 characters of URL-safe Base64, as Zoom's ids are."""
    left, right = index, 0
    for turn in range(_ROUNDS):
        left, right = right, left ^ _mix(seed, kind, turn, right)
    return _text(left.to_bytes(8, "big") + right.to_bytes(8, "big"))


def index_of(seed: int, kind: str, text: str) -> int | None:
    """The index behind an id of `opaque_id`, or None for any other text."""
    if len(text) != 22:
        return None
    try:
        raw = base64.b64decode(text.encode() + b"==", altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    left, right = int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big")
    for turn in reversed(range(_ROUNDS)):
        left, right = right ^ _mix(seed, kind, turn, left), left
    return left if right == 0 and _text(raw) == text else None


def person(seed: int, index: int) -> tuple[str, str]:
    """First and last name of a user."""
    drawn = digest(seed, "name", index)
    return _FIRST[drawn[0] % len(_FIRST)], _LAST[drawn[1] % len(_LAST)]


def email(seed: int, index: int) -> str:
    """The address of a user, always at example.com."""
    first, last = person(seed, index)
    return f"{first}.{last}.{index}@example.com".lower()


def index_of_email(seed: int, text: str) -> int | None:
    """The index behind an address of `email`, or None."""
    match = _INDEX.search(text)
    if match is None or email(seed, int(match[1])) != text:
        return None
    return int(match[1])


def group_name(index: int) -> str:
    """Name of a group: unique, and a plain department for the first dozen."""
    name = _GROUPS[index % len(_GROUPS)]
    return name if index < len(_GROUPS) else f"{name} {index // len(_GROUPS) + 1}"


def _mix(seed: int, kind: str, turn: int, half: int) -> int:
    text = f"{seed}\x1f{kind}\x1f{turn}\x1f{half}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
