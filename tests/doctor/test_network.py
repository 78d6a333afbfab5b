"""Checks of the network, from the results of probes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.doctor import network
from auditor.doctor.model import CheckState
from auditor.errors import ExitCode
from auditor.zoom.probe import Certificate, ProbeFailure, ProbeResult, Route

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OAUTH, API = "zoom.us", "api.zoom.us"


def probe_results(**both: Any) -> list[ProbeResult]:
    return [ProbeResult(host, **{"route": Route(), "status": 404, **both}) for host in (OAUTH, API)]


def shown(issuer: str = "DigiCert Inc", days: int = 100) -> Certificate:
    return Certificate("zoom.us", issuer, NOW + timedelta(days=days))


@pytest.mark.parametrize("trouble", ProbeFailure)
def test_each_trouble_has_a_sentence_of_its_own_and_a_way_on(trouble: ProbeFailure) -> None:
    probes = probe_results(failure=trouble, certificate=shown())
    check = network.tls(probes, NOW) if trouble.is_tls else network.reach(probes)
    assert check.state is CheckState.FAILED
    assert check.exit_code is ExitCode.NOTHING_EVALUATED
    assert check.advice
    assert not {"{", "}"} & set(check.sentence + check.advice)


def test_no_two_troubles_read_alike() -> None:
    sentences = set()
    for trouble in ProbeFailure:
        probes = probe_results(failure=trouble)
        sentences.add(
            (network.tls(probes, NOW) if trouble.is_tls else network.reach(probes)).sentence
        )
    assert len(sentences) == len(ProbeFailure)


def test_a_ca_of_the_organisation_shows_with_the_variable_that_trusts_it() -> None:
    probes = probe_results(
        failure=ProbeFailure.SELF_SIGNED, certificate=shown("Acme Inspection CA")
    )
    check = network.tls(probes, NOW)
    assert "issued by Acme Inspection CA" in check.sentence
    assert "REQUESTS_CA_BUNDLE" in check.advice


def test_a_missing_bundle_is_named() -> None:
    probes = probe_results(failure=ProbeFailure.CA_FILE, route=Route(verify="/etc/acme.pem"))
    assert "/etc/acme.pem does not exist" in network.tls(probes, NOW).sentence


def test_version_issuer_and_end_are_told() -> None:
    check = network.tls(probe_results(tls="TLSv1.3", certificate=shown()), NOW)
    assert check.state is CheckState.OK
    assert check.sentence == (
        "TLS 1.3. The certificates are issued by DigiCert Inc, valid until 2027-03-02."
    )


def test_a_certificate_that_ends_soon_is_a_warning() -> None:
    assert network.tls(probe_results(tls="TLSv1.3", certificate=shown(days=13)), NOW).state is (
        CheckState.WARNING
    )


def test_the_host_that_could_be_reached_is_told_too() -> None:
    ok, failed = (
        ProbeResult(OAUTH, Route(), status=404),
        ProbeResult(API, Route(), ProbeFailure.SILENT),
    )
    sentence = network.reach([ok, failed]).sentence
    assert sentence == "api.zoom.us could not be reached: no answer in time. zoom.us could be."


def test_two_troubles_are_two_sentences() -> None:
    sentence = network.reach(
        [
            ProbeResult(OAUTH, Route(), ProbeFailure.NAME),
            ProbeResult(API, Route(), ProbeFailure.SILENT),
        ]
    ).sentence
    assert "zoom.us could not be reached: no address" in sentence
    assert "api.zoom.us could not be reached: no answer" in sentence


@pytest.mark.parametrize(
    ("zoom_ahead", "state", "says"),
    [
        (60.0, CheckState.OK, "Within 60 seconds"),
        (-60.0, CheckState.OK, "Within 60 seconds"),
        (95.0, CheckState.WARNING, "clock is 95 seconds behind that of zoom.us"),
        (-95.0, CheckState.WARNING, "clock is 95 seconds ahead of that of zoom.us"),
        (-7300.0, CheckState.WARNING, "2 hours ahead of"),
        (None, CheckState.WARNING, "no response contained the time"),
    ],
)
def test_clocks_may_differ_by_a_minute(
    zoom_ahead: float | None, state: CheckState, says: str
) -> None:
    check = network.clock(probe_results(ahead=zoom_ahead))
    assert (check.state, says in check.sentence) == (state, True)
    assert bool(check.advice) is (state is CheckState.WARNING)


def test_a_proxy_is_told_without_its_password() -> None:
    way = Route("http://user:s3cret@proxy.example.com:8080")
    check = network.proxy(probe_results(route=way))
    assert check.sentence == "zoom.us and api.zoom.us through http://proxy.example.com:8080."
    assert "s3cret" not in str(check)


def test_hosts_that_go_different_ways_are_told_apart() -> None:
    probes = [ProbeResult(OAUTH, Route()), ProbeResult(API, Route("http://proxy:1"))]
    assert (
        network.proxy(probes).sentence == "zoom.us directly and api.zoom.us through http://proxy:1."
    )
