"""Host groups: the groups of the people who hosted the meetings that reports name."""

from collections.abc import Iterable

from auditor.collect import listings
from auditor.collect.document_requests import CollectionContext
from auditor.evidence.read_plan import HOSTS, MEMBERS
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import Document, ReadFailure
from auditor.zoom import endpoints


def record(context: CollectionContext, named: Iterable[str]) -> None:
    """Record the groups of the hosts `named` by address or id.

    If a list was refused, the known groups are recorded together with the cause. If the members of
    a group could not be listed, every host may belong to one more group, recorded without a name.
    """
    host_names = {name.casefold() for name in named if name}
    names = {group.id: group.name for group in context.snapshot.scopes(Level.GROUP)}
    members = context.snapshot.evidence_of(context.account).outcomes.get(MEMBERS)
    more: list[JsonValue] = [{"id": "", "name": None}] if isinstance(members, ReadFailure) else []
    hosts: list[JsonValue] = []
    for user in context.snapshot.scopes(Level.USER):
        if user.is_invited or host_names.isdisjoint((user.id.casefold(), user.email.casefold())):
            continue
        member: list[JsonValue] = [
            {"id": group, "name": names.get(group)} for group in user.group_ids
        ]
        hosts.append({"id": user.id, "email": user.email, "groups": member + more})
    body: dict[str, JsonValue] = {"hosts": hosts}
    for what, level in (("users", Level.USER), ("groups", Level.GROUP)):
        refusal = listings.refusal(context, level)
        if level is Level.GROUP and isinstance(members, ReadFailure):
            refusal = members
        if refusal is not None:
            unseen = refusal.unseen
            body[f"{what}_missing"] = {"cause": unseen.cause.value, "detail": unseen.detail}
    outcome = Document(body, endpoints.USERS.request, context.now())
    context.snapshot.record(context.account, HOSTS, outcome)
