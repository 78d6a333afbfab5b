"""Zoom Phone below the account: sites, groups and phone users.

Their documents contain the locks next to the values.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from auditor.collect import listings
from auditor.collect.document_requests import CollectionContext, DocumentRequest, LevelReader
from auditor.collect.parsing import PHONE_LICENCE, feature_flag
from auditor.evidence.json_values import as_text
from auditor.evidence.read_plan import COVERAGE_VIEWS, PHONE, PHONE_VIEWS
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope, UserStatus
from auditor.evidence.snapshot import ScopeEvidence
from auditor.evidence.view import Outcome, ReadFailure
from auditor.surfaces import SURFACES
from auditor.zoom import endpoints
from auditor.zoom.errors import Malformed, NotFound


@dataclass(frozen=True)
class PhoneLevels:
    """Reads the documents of the levels that the plan names."""

    context: CollectionContext
    account: Outcome | None
    """The outcome for the phone account; None if it was not requested."""

    def read_places(self) -> None:
        """Read sites and groups. Without a licence nothing is requested."""
        reads = self.context.reads
        if reads.phone_site:
            self._level(Level.PHONE_SITE)
        if reads.phone_group:
            self._level(Level.PHONE_GROUP)

    def read_users(self, scopes: Iterable[Scope] | None = None, since: str | None = None) -> None:
        """Read the missing documents of phone users, of all users or of `scopes`.

        Documents read before `since` (RFC 3339), by default that of the collection, are read again.
        """
        if self.context.reads.phone_user:
            self._level(Level.PHONE_USER, scopes, since)

    def _level(
        self, level: Level, users: Iterable[Scope] | None = None, since: str | None = None
    ) -> None:
        (listing,) = SURFACES[PHONE.surface].levels[level].listings
        level_reader = LevelReader(
            self.context, COVERAGE_VIEWS[level, PHONE.surface], listing.request
        )
        if (
            isinstance(self.account, ReadFailure)
            and self.account.unseen.cause is Cause.NOT_LICENSED
        ):
            level_reader.refusal = self.account
            level_reader.count(0, 0)
            return
        snapshot = self.context.snapshot
        requests: Iterable[DocumentRequest]
        if level is Level.PHONE_SITE:
            sites = self._sites(level_reader)
            requests, expected = [self._request_for(level, site) for site in sites], len(sites)
        elif level is Level.PHONE_GROUP:
            requests = (self._request_for(level, group) for group in snapshot.scopes(Level.GROUP))
            expected = snapshot.count(Level.GROUP)
            level_reader.refusal = listings.refusal(self.context, Level.GROUP)
        else:
            if users is None:
                self._forget(snapshot.scopes(Level.PHONE_USER))
                requests = self._users(snapshot.evidence(Level.USER))
            else:
                recorded = [user for user in users if snapshot.has(user)]
                self._forget(recorded)
                requests = self._users(map(snapshot.evidence_of, recorded))
            expected = sum(1 for _ in self._users(snapshot.evidence(Level.USER)))
            level_reader.refusal = listings.refusal(self.context, Level.USER)
        level_reader.read(level, requests, expected if users is None else 0, since)
        level_reader.count(expected, expected)

    def _sites(self, level_reader: LevelReader) -> list[Scope]:
        """The sites; incomplete if `level_reader.refusal` is set."""
        sites: list[Scope] = []

        def ask() -> JsonValue:
            for row in self.context.api.items(endpoints.PHONE_SITES):
                site = Scope(Level.PHONE_SITE, as_text(row.get("id")), as_text(row.get("name")))
                if not site.id:
                    raise Malformed(level_reader.source, "a row has no id")
                sites.append(site)
            return {}

        outcome = self.context.fetch(level_reader.source, ask)
        level_reader.refusal = outcome if isinstance(outcome, ReadFailure) else None
        return sites

    def _users(self, users: Iterable[ScopeEvidence]) -> Iterator[DocumentRequest]:
        """A request for each active user who may have a phone.

        If the licence is unknown, the document is requested, and a 404 means that there is no
        phone.
        """
        for evidence in users:
            user = evidence.scope
            if user.status != UserStatus.ACTIVE or user.id == user.email:
                continue
            licensed = feature_flag(evidence, PHONE_LICENCE)
            if licensed is not False:
                request = self._request_for(Level.PHONE_USER, user)
                yield request if licensed else replace(request, ask=_or_nothing(request.ask))

    def _forget(self, phones: Iterable[Scope]) -> None:
        """Drop the recorded phones of users who, by their settings as read since, have none."""
        snapshot = self.context.snapshot
        for phone in phones:
            user = replace(phone, level=Level.USER)
            known = snapshot.evidence_of(user) if snapshot.has(user) else None
            if known is not None and feature_flag(known, PHONE_LICENCE) is False:
                snapshot.drop(replace(phone, level=Level.PHONE_USER))

    def _request_for(self, level: Level, scope: Scope) -> DocumentRequest:
        reads, at = self.context.reads, SURFACES[PHONE.surface].levels[level]
        items = {
            Level.PHONE_SITE: reads.phone_site,
            Level.PHONE_GROUP: reads.phone_group,
            Level.PHONE_USER: reads.phone_user,
        }[level]
        return DocumentRequest(
            replace(scope, level=level, licence=None),
            PHONE_VIEWS[level],
            SURFACES[PHONE.surface].source(level, PHONE),
            partial(at.document, self.context.api, scope.id, selection=items),
        )


def _or_nothing(ask: Callable[[], JsonValue]) -> Callable[[], JsonValue]:
    def asking() -> JsonValue:
        try:
            return ask()
        except NotFound:
            return None

    return asking
