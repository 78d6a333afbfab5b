"""The registry of surfaces: complete, and the same as the catalogue and the README say."""

import re
from pathlib import Path

import pytest

from auditor.evidence.scope import Level
from auditor.policy.catalogue import files, word_lists
from auditor.surfaces import SURFACES
from auditor.surfaces.model import Surface
from auditor.surfaces.settings import LOCKS, SETTINGS
from auditor.zoom.endpoints import ENDPOINTS, GROUP_MEMBERS, Endpoint

README = Path(__file__).parents[2].joinpath("README.md").read_text("utf-8")
CHECKS = [check for control in files.shipped_catalogue() for check in control.checks]
OF_SURFACES = {
    endpoint
    for surface in SURFACES.values()
    for level in surface.levels.values()
    for endpoint in level.endpoints
}
IN_SENTENCES = {
    endpoint
    for surface in (SETTINGS, LOCKS)
    for level in surface.levels.values()
    for endpoint in level.endpoints
}
"""The README lists their scopes before the table."""


def row(endpoint: Endpoint) -> str:
    classic = f"`{endpoint.classic_scopes[0]}`" if endpoint.classic_scopes else "-"
    return f"`{endpoint.request}` | `{endpoint.scopes[0]}` | {classic}"


def test_every_check_reads_a_surface_at_its_levels() -> None:
    for check in CHECKS:
        if check.surface != "derived":
            assert set(check.levels) <= set(SURFACES[check.surface].levels), check.setting


def test_every_request_belongs_to_a_surface() -> None:
    assert set(ENDPOINTS.values()) - OF_SURFACES == {GROUP_MEMBERS}
    assert set(ENDPOINTS.values()) >= OF_SURFACES


def test_the_readme_lists_each_request_and_its_scopes() -> None:
    found = re.findall(r"^\| (`GET [^`]+`)[^|]* (\| `[^`]+` \| \S+) \|$", README, re.MULTILINE)
    listed = sorted(" ".join(cells) for cells in found)
    assert listed == sorted(map(row, {*OF_SURFACES, GROUP_MEMBERS} - IN_SENTENCES))
    for endpoint in IN_SENTENCES:
        assert f"\n   {endpoint.scopes[0]}" in README


@pytest.mark.parametrize("surface", SURFACES.values(), ids=list(SURFACES))
def test_a_surface_is_complete(surface: Surface) -> None:
    assert SURFACES[surface.name] is surface
    assert bool(surface.rows) == (surface.read is not None)
    assert surface.shape is not None or surface.read is None
    assert surface.patterns == "" or hasattr(word_lists.name_patterns(), surface.patterns)
    for level, at in surface.levels.items():
        placeholder = re.search(r"\{(\w+)\}", at.endpoint.path) if at.endpoint else None
        assert at.id_name == (placeholder[1] if placeholder else ""), level
        assert at.endpoint is not None or level is Level.APP
