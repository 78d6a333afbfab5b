"""Names: when two of them are the same, and when they only look the same.

Zoom's names may be composed or decomposed, in any case, and padded: none of that makes another
name. What looks like an address or an id is never a name, whoever bears it: people choose their own
display names, hosts their topics.
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
"""Cyrillic, Greek, Armenian and phonetic letters, to the Latin ones they look like.

An excerpt of Unicode's confusables (UTS 39, version 16): the letters that are drawn alike in
usual fonts.
"""
_FILLERS = "\u115f\u1160\u2800\u3164\ufe0e\ufe0f\uffa0"
"""Characters that are drawn as nothing without being format characters."""


def normalised(text: str) -> str:
    """The same for equal names: Unicode NFC, without case, trimmed."""
    folded = unicodedata.normalize("NFC", text.strip()).casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)


def skeleton(text: str) -> str:
    """The same for names that look the same; never a reason to take one for the other."""
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
    """True for what looks like an e-mail address."""
    return _ADDRESS.fullmatch(text.strip()) is not None


def is_id(text: str) -> bool:
    """True for what looks like an id of Zoom's."""
    return _ZOOM_ID.fullmatch(text.strip()) is not None


def is_pattern(text: str) -> bool:
    """True where `*` or `?` stand for other text."""
    return "*" in text or "?" in text


def of_group(zoom_id: str, name: str, ids: Collection[str] = ()) -> frozenset[str]:
    """What a group can be known by, each with its kind.

    `id:` is compared as it stands, `name:` with a plain text, `named:` with a text that is said to
    be a name and with patterns. A name that looks like an address or an id, or is the id of
    another group (`ids` are the account's), is no plain name.
    """
    known = {f"id:{zoom_id}"}
    if name:
        same = normalised(name)
        known.add(f"named:{same}")
        if not (is_address(name) or is_id(name) or name.strip() in ids):
            known.add(f"name:{same}")
    return frozenset(known)


def plain_group(text: str) -> tuple[str, str]:
    """Under which two kinds a plain text can name a group."""
    return f"id:{text.strip()}", f"name:{normalised(text)}"


def named_group(groups: Iterable[str]) -> Iterable[str]:
    """The names among what groups can be known by."""
    return (key.removeprefix("named:") for key in groups if key.startswith("named:"))


def differing_characters(name: str, lookalike: str) -> str:
    """The unusual characters that only one of two names has: `U+0435 CYRILLIC …`."""
    only_in_one = dict.fromkeys(
        letter
        for one, other in ((lookalike, name), (name, lookalike))
        for letter in one
        if letter not in other
    )
    letters = [each for each in only_in_one if not each.isascii() or not each.isalnum()]
    descriptions = [
        f"U+{ord(each):04X} {unicodedata.name(each, 'unnamed')}" for each in letters[:3]
    ]
    return ", ".join(descriptions)
