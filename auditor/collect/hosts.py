"""Hosts: which groups the people belong to who hosted what reports name."""

from collections.abc import Iterable

from auditor.collect.errands import Reader
from auditor.collect.rows import Listed
from auditor.evidence.plan import HOSTS
from auditor.evidence.reading import JsonValue
from auditor.evidence.view import Document, Refusal
from auditor.zoom import endpoints


def record(reader: Reader, named: Iterable[str], groups: Listed, users: Listed) -> None:
    """Record the groups of the hosts that are `named` by address or id.

    Where a list was refused, what is known is recorded together with the cause.
    """
    wanted = {name.casefold() for name in named if name}
    names = {group.id: group.name for group in groups.scopes}
    hosts: list[JsonValue] = []
    for user in sorted(users.scopes, key=lambda user: user.order):
        if wanted.isdisjoint((user.id.casefold(), user.email.casefold())):
            continue
        member: list[JsonValue] = [
            {"id": group, "name": names.get(group)} for group in user.group_ids
        ]
        hosts.append({"id": user.id, "email": user.email, "groups": member})
    body: dict[str, JsonValue] = {"hosts": hosts}
    body |= {
        f"{what}_missing": {"cause": refusal.unseen.cause, "detail": refusal.unseen.detail}
        for what, refusal in (("users", users.refusal), ("groups", groups.refusal))
        if isinstance(refusal, Refusal)
    }
    outcome = Document(body, endpoints.USERS.request, reader.now())
    reader.snapshot.record(reader.account, HOSTS, outcome)
