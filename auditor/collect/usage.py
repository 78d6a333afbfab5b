"""Reports, lists and logs of the account, as the read plan names them.

What a report says and its document does not contain, but later requests need, is stored with the
snapshot's metadata.
"""

import json
from dataclasses import dataclass, field
from functools import partial

from auditor.collect.document_requests import CollectionContext, DocumentRequest
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import View
from auditor.surfaces import SURFACES
from auditor.surfaces.model import ReportedUse
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import ZoomError

SAVED = "use"
"""The key of the snapshot's metadata under which names from reports are stored."""


@dataclass
class AccountUse:
    """Reads the usage documents of the account."""

    context: CollectionContext
    reported: ReportedUse = field(init=False)

    def __post_init__(self) -> None:
        saved = json.loads(self.context.snapshot.meta(SAVED) or "{}")
        self.reported = ReportedUse(
            saved.get("meetings", {}),
            {u: (n, s, e) for u, (n, s, e) in saved.get("calls", {}).items()},
            "ai" in self.context.reads.answered,
            set(saved.get("hosts", ())),
        )

    def save(self) -> None:
        """Store what a resumed run needs and the documents do not contain."""
        reported = self.reported
        fields = {"meetings": reported.meetings_with_ai, "hosts": sorted(reported.hosts)}
        calls = {"calls": reported.calls_with_ai} if reported.calls_with_ai else {}
        self.context.snapshot.set_metadata(SAVED, json.dumps({**fields, **calls}))

    def requests(self) -> list[DocumentRequest]:
        """A request for each usage document of the plan."""
        account = self.context.account
        return [
            DocumentRequest(
                account, view, surface.source(Level.ACCOUNT, view), partial(self._fetch, view)
            )
            for view in self.context.reads.use
            for surface in (SURFACES[view.surface],)
            if not surface.is_optional or self._is_granted(surface.endpoint(Level.ACCOUNT))
        ]

    def _fetch(self, view: View) -> JsonValue:
        context = self.context
        return (
            SURFACES[view.surface]
            .levels[Level.ACCOUNT]
            .document(
                context.api,
                option=view.option,
                selection=context.reads.use[view],
                today=context.today(),
                reported=self.reported,
            )
        )

    def _is_granted(self, endpoint: Endpoint) -> bool:
        """True if the token has a scope for an endpoint that is read only then."""
        try:
            return endpoint.is_allowed_by(self.context.api.authenticate())
        except ZoomError:
            return False
