"""Zoom Phone below the account: sites, groups and phone users. Locks stand beside the values."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from auditor.collect.errands import Errand, Reader, Sweep
from auditor.collect.rows import Listed, licensed, text
from auditor.evidence.plan import COUNTS, PHONE, PHONE_VIEWS
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import Outcome, Refusal
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import Malformed, NotFound

LICENCE = "zoom_phone"
"""Under `feature` of a user's settings: true for phone users. Source: Users API, 2025-03."""


@dataclass(frozen=True)
class PhoneLevels:
    """Reads the documents of the levels that the plan names."""

    reader: Reader
    account: Outcome | None
    """What came of asking for the phone account; None where nobody asked."""

    def read(self, groups: Listed, users: Listed) -> None:
        """Read sites, groups and users. Without a licence nothing is asked for."""
        reads = self.reader.reads
        if reads.phone_site:
            self._level(Level.PHONE_SITE, endpoints.PHONE_SITES, self._sites)
        if reads.phone_group:
            self._level(Level.PHONE_GROUP, endpoints.GROUPS, lambda _: groups)
        if reads.phone_user:
            self._level(Level.PHONE_USER, endpoints.USERS, lambda _: users)

    def _level(self, level: Level, listing: Endpoint, listed: Callable[[Sweep], Listed]) -> None:
        sweep = Sweep(self.reader, COUNTS[level, PHONE.surface], listing.request)
        if isinstance(self.account, Refusal) and self.account.unseen.cause is Cause.NOT_LICENSED:
            sweep.refusal = self.account
            sweep.count(0, 0)
            return
        found = listed(sweep)
        if level is Level.PHONE_USER:
            errands = self._users(found.scopes)
        else:
            errands = [self._errand(level, scope) for scope in found.scopes]
        sweep.refusal = sweep.refusal or found.refusal
        sweep.read(level, errands)

    def _sites(self, sweep: Sweep) -> Listed:
        """The sites, as far as they can be listed."""
        found: list[Scope] = []

        def ask() -> JsonValue:
            for row in self.reader.api.items(endpoints.PHONE_SITES):
                site = Scope(Level.PHONE_SITE, text(row.get("id")), text(row.get("name")))
                if not site.id:
                    raise Malformed(sweep.source, "a row has no id")
                found.append(site)
            return {}

        outcome = self.reader.asked(sweep.source, ask)
        return Listed(found, outcome if isinstance(outcome, Refusal) else None)

    def _users(self, users: Iterable[Scope]) -> list[Errand]:
        """An errand for each active user who may have a phone.

        Where nobody can tell, Zoom is asked, and knows no such phone user where there is none.
        """
        flags = licensed(self.reader.snapshot, LICENCE)
        errands = []
        for user in users:
            flag = flags.get(user.id)
            if user.status != "active" or user.id == user.email or flag is False:
                continue
            errand = self._errand(Level.PHONE_USER, user)
            if flag is None:
                errand = replace(errand, ask=_or_nothing(errand.ask))
            errands.append(errand)
        return errands

    def _errand(self, level: Level, scope: Scope) -> Errand:
        reads = self.reader.reads
        endpoint, items, placeholder = {
            Level.PHONE_SITE: (endpoints.PHONE_SITE, reads.phone_site, "siteId"),
            Level.PHONE_GROUP: (endpoints.PHONE_GROUP_SETTINGS, reads.phone_group, "groupId"),
            Level.PHONE_USER: (endpoints.PHONE_USER, reads.phone_user, "userId"),
        }[level]
        ids = {placeholder: scope.id}
        phone = replace(scope, level=level, licence=None)
        if level is Level.PHONE_GROUP:
            types = {"setting_types": ",".join(items)}

            def of_group() -> JsonValue:
                return _kept(self.reader.api.get(endpoint, ids=ids, params=types), items)

            return Errand(phone, PHONE_VIEWS[level], endpoint.request, of_group)

        def of_policy() -> JsonValue:
            policy = self.reader.api.get(endpoint, ids=ids).get("policy")
            return {"policy": _kept(policy, items) if isinstance(policy, dict) else policy}

        return Errand(phone, PHONE_VIEWS[level], endpoint.request, of_policy)


def _kept(body: Mapping[str, JsonValue], items: Iterable[str]) -> dict[str, JsonValue]:
    return {item: body[item] for item in items if item in body}


def _or_nothing(ask: Callable[[], JsonValue]) -> Callable[[], JsonValue]:
    def asking() -> JsonValue:
        try:
            return ask()
        except NotFound:
            return None

    return asking
