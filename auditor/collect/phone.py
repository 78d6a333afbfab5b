"""Zoom Phone below the account: sites, groups and phone users.

Their documents contain the locks next to the values.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from auditor.collect import listings
from auditor.collect.document_requests import CollectionContext, DocumentRequest, LevelReader
from auditor.collect.interface import ZoomApi
from auditor.collect.parsing import PHONE_LICENCE, as_text, feature_flag
from auditor.evidence.read_plan import COVERAGE_VIEWS, PHONE, PHONE_VIEWS, PROBED_ITEMS
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope, UserStatus
from auditor.evidence.view import Outcome, ReadFailure
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import Malformed, NotFound, Rejected


@dataclass(frozen=True)
class PhoneLevels:
    """Reads the documents of the levels that the plan names."""

    context: CollectionContext
    account: Outcome | None
    """The outcome for the phone account; None if it was not requested."""

    def read(self) -> None:
        """Read sites, groups and users. Without a licence nothing is requested."""
        reads = self.context.reads
        if reads.phone_site:
            self._level(Level.PHONE_SITE, endpoints.PHONE_SITES)
        if reads.phone_group:
            self._level(Level.PHONE_GROUP, endpoints.GROUPS)
        if reads.phone_user:
            self._level(Level.PHONE_USER, endpoints.USERS)

    def _level(self, level: Level, listing: Endpoint) -> None:
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
            requests = self._users()
            expected = sum(1 for _ in self._users())
            level_reader.refusal = listings.refusal(self.context, Level.USER)
        level_reader.read(level, requests, expected)
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

    def _users(self) -> Iterator[DocumentRequest]:
        """A request for each active user who may have a phone.

        If the licence is unknown, the document is requested, and a 404 means that there is no
        phone.
        """
        for evidence in self.context.snapshot.evidence(Level.USER):
            user = evidence.scope
            if user.status != UserStatus.ACTIVE or user.id == user.email:
                continue
            licensed = feature_flag(evidence, PHONE_LICENCE)
            if licensed is not False:
                request = self._request_for(Level.PHONE_USER, user)
                yield request if licensed else replace(request, ask=_or_nothing(request.ask))

    def _request_for(self, level: Level, scope: Scope) -> DocumentRequest:
        reads = self.context.reads
        endpoint, items, placeholder = {
            Level.PHONE_SITE: (endpoints.PHONE_SITE, reads.phone_site, "siteId"),
            Level.PHONE_GROUP: (endpoints.PHONE_GROUP_SETTINGS, reads.phone_group, "groupId"),
            Level.PHONE_USER: (endpoints.PHONE_USER, reads.phone_user, "userId"),
        }[level]
        ids = {placeholder: scope.id}
        phone = replace(scope, level=level, licence=None)
        if level is Level.PHONE_GROUP:

            def of_group() -> JsonValue:
                return _select(settings(self.context.api, endpoint, items, ids), items)

            return DocumentRequest(phone, PHONE_VIEWS[level], endpoint.request, of_group)

        def of_policy() -> JsonValue:
            policy = self.context.api.get(endpoint, ids=ids).get("policy")
            return {"policy": _select(policy, items) if isinstance(policy, dict) else policy}

        return DocumentRequest(phone, PHONE_VIEWS[level], endpoint.request, of_policy)


def settings(
    api: ZoomApi, endpoint: Endpoint, items: Iterable[str], ids: Mapping[str, str] | None = None
) -> dict[str, JsonValue]:
    """The settings named by `items`; if Zoom rejects them, only the documented ones.

    Raises:
        ZoomError: the settings cannot be read.
    """
    requested = tuple(items)
    documented = tuple(item for item in requested if item not in PROBED_ITEMS)
    try:
        return api.get(endpoint, ids=ids, params={"setting_types": ",".join(requested)})
    except Rejected:
        if documented in (requested, ()):
            raise
        return api.get(endpoint, ids=ids, params={"setting_types": ",".join(documented)})


def _select(body: Mapping[str, JsonValue], items: Iterable[str]) -> dict[str, JsonValue]:
    return {item: body[item] for item in items if item in body}


def _or_nothing(ask: Callable[[], JsonValue]) -> Callable[[], JsonValue]:
    def asking() -> JsonValue:
        try:
            return ask()
        except NotFound:
            return None

    return asking
