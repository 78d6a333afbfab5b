"""Views: the documents of a scope that can be requested, and the outcomes of requests."""

from dataclasses import dataclass

from auditor.evidence.reading import JsonValue, Unseen


@dataclass(frozen=True, slots=True, order=True)
class View:
    """One document of a scope: a surface and, where Zoom has several views of it, the option.

    `settings` and `lock_settings` exist for account, group and (settings) user; their `option`
    is the `option` query parameter, empty for the default view. Two other surfaces have several
    documents, distinguished by `meeting_feature` (report of past meetings) and `type` (Marketplace
    apps). Every other surface is one document with an empty option.
    """

    surface: str
    option: str = ""

    def __str__(self) -> str:
        return f"{self.surface}?option={self.option}" if self.option else self.surface


SETTINGS = View("settings")
LOCKS = View("lock_settings")


@dataclass(frozen=True, slots=True)
class Document:
    """A document that Zoom returned, without secrets."""

    body: JsonValue
    source: str
    """The request, with placeholders for ids: `GET /users/{userId}/settings`."""
    observed_at: str
    """When the response arrived: RFC 3339, UTC."""


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """A document that could not be read, and why."""

    unseen: Unseen
    source: str
    observed_at: str


Outcome = Document | ReadFailure
