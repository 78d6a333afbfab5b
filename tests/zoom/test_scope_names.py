"""Readable scope names."""

import pytest

from auditor.zoom.scope_names import group_by_area


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        (["group:read:list_groups:admin"], {"Groups": ["list groups"]}),
        (["user:read:user:admin", "user:read:settings:admin"], {"Users": ["settings", "user"]}),
        (["user:read:user"], {"Users": ["user"]}),
        (["account:read:lock_settings:master"], {"Account": ["lock settings"]}),
        (["user:read:admin"], {"Users": ["everything"]}),
        (["user:read"], {"Users": ["everything"]}),
        (["account:master"], {"Account": ["everything"]}),
        (["role:read:admin", "role:read:role:admin"], {"Roles": ["everything"]}),
        (["something_new:read:x_y:admin"], {"Something new": ["x y"]}),
        (["odd"], {"Odd": ["everything"]}),
        ([], {}),
    ],
)
def test_scopes_are_grouped_by_what_they_open(
    scopes: list[str], words: dict[str, list[str]]
) -> None:
    assert group_by_area(scopes) == words


def test_areas_are_sorted() -> None:
    areas = group_by_area(["webinar:read:admin", "account:read:admin", "phone:read:admin"])
    assert list(areas) == ["Account", "Webinars", "Zoom Phone"]
