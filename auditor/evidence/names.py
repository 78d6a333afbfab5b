"""Names: when two of them are equal, and when they only look equal.

Unicode composition, case and padding do not distinguish names. A string that looks like an address
or an id is never a name, because users choose their display names and hosts their topics.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
_ZOOM_ID = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9_-]{22}")
"""Ids of users and groups: 22 characters of base64url. Source: examples of Zoom's API reference."""

_LATIN = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁһӏԛԝԌɡΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορυχγօսոıɑɩ",
    "ABESIJKMHOPCTYXaesijopcyxdhlqwGgABEZHIKMNOPTYXaivopuxyouniai",
)
"""Cyrillic, Greek, Armenian and phonetic letters, mapped to the Latin letters they resemble.

An excerpt of Unicode's confusables (UTS 39, version 16): letters that look alike in common fonts.
"""
_FILLERS = "\u115f\u1160\u2800\u3164\ufe0e\ufe0f\uffa0"
"""Invisible characters outside the Unicode category of format characters."""


def normalised(text: str) -> str:
    """The normal form of a name: Unicode NFC, case-folded, trimmed."""
    folded = unicodedata.normalize("NFC", text.strip()).casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)


def skeleton(text: str) -> str:
    """Equal for names that look the same; never used to treat them as the same name."""
    text = unicodedata.normalize("NFKC", text)
    if not text.isascii():
        text = "".join(map(_base_letter, text)).translate(_LATIN)
    return normalised(" ".join(text.split()))


def _base_letter(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Cf" or letter in _FILLERS:
        return ""
    return "-" if category == "Pd" else letter


def is_address(text: str) -> bool:
    """True if the text looks like an e-mail address."""
    return _ADDRESS.fullmatch(text.strip()) is not None


def is_id(text: str) -> bool:
    """True if the text looks like a Zoom id."""
    return _ZOOM_ID.fullmatch(text.strip()) is not None


def is_pattern(text: str) -> bool:
    """True if the text contains a wildcard, `*` or `?`."""
    return "*" in text or "?" in text


def of_group(zoom_id: str, name: str, ids: Collection[str] = ()) -> frozenset[str]:
    """The keys that identify a group, each with its kind.

    `id:` is compared exactly, `name:` with a plain string, `named:` with an explicit display name
    and with patterns. A name that looks like an address or an id, or equals the id of another group
    (`ids` are all ids of the account), gets no `name:` key.
    """
    known = {f"id:{zoom_id}"}
    if name:
        same = normalised(name)
        known.add(f"named:{same}")
        if not (is_address(name) or is_id(name) or name.strip() in ids):
            known.add(f"name:{same}")
    return frozenset(known)


def plain_group(text: str) -> tuple[str, str]:
    """The two keys under which a plain string can name a group."""
    return f"id:{text.strip()}", f"name:{normalised(text)}"


def named_group(groups: Iterable[str]) -> Iterable[str]:
    """The display names among the keys of groups."""
    return (key.removeprefix("named:") for key in groups if key.startswith("named:"))


def differing_characters(name: str, lookalike: str) -> str:
    """The unusual characters that only one of the names contains: `U+0435 CYRILLIC …`."""
    only_in_one = dict.fromkeys(
        letter
        for one, other in ((lookalike, name), (name, lookalike))
        for letter in one
        if letter not in other
    )
    letters = [letter for letter in only_in_one if not letter.isascii() or not letter.isalnum()]
    descriptions = [
        f"U+{ord(letter):04X} {unicodedata.name(letter, 'unnamed')}" for letter in letters[:3]
    ]
    return ", ".join(descriptions)
