from typing import get_args

import pytest

from auditor.zoom.hosts import (
    CLOUDS,
    COMMERCIAL,
    GOVERNMENT,
    CloudName,
    UnsafeUrl,
    check_url,
    is_loopback,
)


@pytest.mark.parametrize(
    "url",
    [
        COMMERCIAL.api_url,
        COMMERCIAL.token_url,
        GOVERNMENT.api_url,
        GOVERNMENT.token_url,
        "https://api-eu.zoom.us/v2",
        "https://eu01api.zoom.us/v2",
        "https://acme.zoom.us:443/v2",
        "https://API.ZOOM.US/v2",
        "http://127.0.0.1:8080/v2",
        "http://127.9.9.9/v2",
        "https://localhost/v2",
        "http://[::1]:9/v2",
    ],
)
def test_zooms_hosts_and_this_machine_are_accepted(url: str) -> None:
    assert check_url(url, "ZOOM_API_URL") == url


def test_every_name_of_a_cloud_leads_to_addresses_that_are_accepted() -> None:
    assert set(CLOUDS) == set(get_args(CloudName))
    for cloud in CLOUDS.values():
        assert check_url(cloud.api_url, "ZOOM_API_URL") == cloud.api_url
        assert check_url(cloud.token_url, "ZOOM_OAUTH_URL") == cloud.token_url


def test_a_region_is_the_commercial_cloud_with_an_address_of_its_own() -> None:
    regions = {name: CLOUDS[name] for name in set(CLOUDS) - {"commercial", "gov"}}
    assert {name: cloud.api_url for name, cloud in regions.items()} == {
        name: f"https://api-{name}.zoom.us/v2" for name in regions
    }
    assert {cloud.token_url for cloud in regions.values()} == {COMMERCIAL.token_url}


@pytest.mark.parametrize(
    "url",
    [
        "https://zoom.us.evil.com",
        "https://evilzoom.us",
        "https://evil.com/zoom.us",
        "https://evil.com#.zoom.us",
        "https://evil.com?.zoom.us",
        "https://evil.com\\.zoom.us/v2",
        "https://evil.com%2f.zoom.us/v2",
        "https://zoom.us@evil.com",
        "https://user:pw@api.zoom.us/v2",
        "https://api.zoom.us/v2?x=1",
        "https://api.zoom.us/v2?",
        "https://api.zoom.us/v2#",
        "http://api.zoom.us",
        "http://localhost.evil.com",
        "https://127.0.0.1.evil.com",
        "http://127.0.0.1.evil.com",
        "http://0.0.0.0/",
        "http://169.254.169.254/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::1/",
        "http://[::1]evil.example/",
        "http://[::1].evil.example/",
        "http://[::1]@evil.example/",
        "http://[::1]:80evil.example/",
        "http://[::1%25eth0]/",
        "http://127.0.0.1@evil.example/",
        "http://127.0.0.1:80@evil.example/",
        "http://127.0.0.1\\@evil.example/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://127.0.0.01/",
        "http://0x7f.0.0.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://localhost./",
        "http://127.0.0.1:/",
        "http://127.0.0.1:+80/",
        "http://127.0.0.1:\u0668\u0660/",
        "http://127.0.0.1\u3002evil.example/",
        "http://\uff4cocalhost/",
        "http://\u24db\u24de\u24d2alhost/",
        "https://api.zoom.us./v2",
        "https://api..zoom.us/v2",
        "https://-.zoom.us/v2",
        "https://api.zoom.us/v2/\U0001f600",
        "https:\\\\api.zoom.us/v2",
        "https:///api.zoom.us/v2",
        "https:api.zoom.us/v2",
        "https://api.zoom.us:99999/v2",
        "https://api.zoom.us:0/v2",
        "https://аpi.zoom.us/v2",
        "https://api.zoom.us /v2",
        "https://api.zo\nom.us/v2",
        "ftp://api.zoom.us",
        "file:///etc/passwd",
        "api.zoom.us/v2",
        "https://",
        "https://.zoom.us",
        "",
    ],
)
def test_every_other_host_is_refused_by_name_of_the_setting(url: str) -> None:
    with pytest.raises(UnsafeUrl, match="ZOOM_API_URL"):
        check_url(url, "ZOOM_API_URL")


@pytest.mark.parametrize("host", ["[::1]evil.example", "[::ffff:127.0.0.1]", "127.1", "localhost."])
def test_what_only_looks_like_this_machine_is_not(host: str) -> None:
    assert not is_loopback(f"x://{host}")
    assert not is_loopback(f"http://{host}/v2")


def test_a_trailing_slash_and_blanks_around_are_dropped() -> None:
    assert check_url(" https://api.zoom.us/v2/ \n", "X") == "https://api.zoom.us/v2"


def test_the_message_names_the_foreign_host() -> None:
    with pytest.raises(UnsafeUrl, match=r"points to zoom\.us\.evil\.com"):
        check_url("https://zoom.us.evil.com/v2", "X")
