"""Surfaces: one object for each kind of document that Zoom returns.

It says everything the program knows about it: levels, requests and scopes, what is stored, how that
becomes the value of a check, and where it names people. The read plan, the collector, the doctor,
pseudonyms and the judgement are loops over `SURFACES`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from auditor.surfaces import administration, meetings, notices, phone, reports, settings
from auditor.surfaces.model import Surface

SURFACES: Mapping[str, Surface] = MappingProxyType(
    {
        surface.name: surface
        for surface in (
            settings.SETTINGS,
            settings.LOCKS,
            phone.PHONE,
            phone.SITE,
            meetings.MEETINGS,
            administration.OWN_TOKEN,
            reports.PAST_MEETINGS,
            reports.SUMMARISED_MEETINGS,
            administration.APPS,
            administration.ADMIN_ROLES,
            administration.OPERATION_LOG,
            administration.AI_WORKFLOWS,
            reports.REMOTE_SUPPORT,
            reports.GROUPS_OF_HOSTS,
            notices.ANSWERED_NOTICES,
            notices.PARTICIPANTS,
        )
    }
)
"""Surface name to surface, in the order in which the documents of the account are read."""

__all__ = ["SURFACES", "Surface", "administration", "model", "notices", "reports"]
