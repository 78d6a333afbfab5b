"""Checks of the network: proxies, connections, TLS and clock, from the results of probes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from auditor.doctor.model import CheckState, DoctorCheck
from auditor.errors import ExitCode
from auditor.evidence.reading import JsonValue
from auditor.plain_text import join_and
from auditor.zoom import proxy_checks
from auditor.zoom.probe import ProbeFailure, ProbeResult
from auditor.zoom.proxy_checks import ConnectionProblem

MOST_SKEW = 60.0
"""The accepted difference between clocks, in seconds."""
SOON = timedelta(days=14)
"""The report warns of a certificate that expires within this time."""

_CHECK_NETWORK = "Check the network, the firewall and HTTPS_PROXY."
_TRUST = (
    "If a proxy of your organisation inspects TLS, save its CA certificate as a PEM file together "
    "with the public ones and name that file in REQUESTS_CA_BUNDLE. If there is no such proxy, "
    "somebody may be listening: go no further."
)
_CLOCK = "Check this machine's clock first; if it is right, whoever runs the proxy has to renew it."

_FAILURES: Mapping[ProbeFailure, tuple[str, str]] = {
    ProbeFailure.NAME: (
        "{host} could not be reached: no address is known for this name.",
        "Check DNS and the address (ZOOM_API_URL, ZOOM_OAUTH_URL); if a proxy is required, "
        "set HTTPS_PROXY.",
    ),
    ProbeFailure.REFUSED: (
        "{host} could not be reached: the connection was refused.",
        "Check the address and its port (ZOOM_API_URL, ZOOM_OAUTH_URL), the firewall and "
        "HTTPS_PROXY.",
    ),
    ProbeFailure.SILENT: ("{host} could not be reached: no answer in time.", _CHECK_NETWORK),
    ProbeFailure.NETWORK: ("{host} could not be reached: there is no route to it.", _CHECK_NETWORK),
    ProbeFailure.BROKEN: (
        "{host} could not be reached: the connection broke before an answer came.",
        "Run again; if the problem persists, check the firewall and HTTPS_PROXY.",
    ),
    ProbeFailure.CA_FILE: (
        "The certificates to trust could not be read: {bundle} does not exist, or this user may "
        "not read it.",
        "Correct REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE), or unset it.",
    ),
    ProbeFailure.SELF_SIGNED: (
        "{host} presents a self-signed certificate, which is not trusted here{seen}.",
        _TRUST,
    ),
    ProbeFailure.ISSUER: (
        "{host} presents a certificate whose issuer is not trusted here{seen}.",
        _TRUST,
    ),
    ProbeFailure.HOSTNAME: (
        "{host} presents a certificate for another name{seen}.",
        "Check the address (ZOOM_API_URL, ZOOM_OAUTH_URL) and HTTPS_PROXY: something else answers "
        "in its place.",
    ),
    ProbeFailure.EXPIRED: ("{host} presents a certificate that has expired{seen}.", _CLOCK),
    ProbeFailure.NOT_YET: ("{host} presents a certificate that is not valid yet{seen}.", _CLOCK),
    ProbeFailure.TLS: (
        "No TLS connection to {host} could be established.",
        "Something between here and Zoom may not speak TLS 1.2 or newer: check the proxy and the "
        "firewall.",
    ),
}


def proxy(probes: Sequence[ProbeResult]) -> DoctorCheck:
    """The proxy of each host."""
    proxies = {result.host: result.route.shown_proxy for result in probes}
    used = sorted(set(proxies.values()) - {""})
    if not used:
        sentence = f"None: {_hosts(probes)} directly."
    elif len(set(proxies.values())) == 1:
        sentence = f"{_hosts(probes)} through {used[0]}."
    else:
        routes = [
            f"{host} {f'through {address}' if address else 'directly'}"
            for host, address in proxies.items()
        ]
        sentence = f"{join_and(routes)}."
    bundle = next((v.route.verify for v in probes if isinstance(v.route.verify, str)), "")
    if bundle:
        sentence += f" Certificates are checked against {bundle}."
    facts: dict[str, JsonValue] = {
        "hosts": [{"host": v.host, "proxy": v.route.shown_proxy or None} for v in probes],
        "ca_bundle": bundle or None,
    }
    return DoctorCheck("proxy", "Proxy", CheckState.OK, sentence, facts=facts)


def reach(probes: Sequence[ProbeResult]) -> DoctorCheck:
    """Check that the hosts respond; `tls` checks their certificates."""
    facts: dict[str, JsonValue] = {
        "hosts": [
            {
                "host": result.host,
                "reached": result.failure is None or result.failure.is_tls,
                "trouble": result.failure,
                "proxy_status": result.refusal,
                "status": result.status,
                "milliseconds": None if result.status is None else round(result.seconds * 1000),
            }
            for result in probes
        ]
    }
    failed = [v for v in probes if v.failure is not None and not v.failure.is_tls]
    if failed:
        sentence, advice = _all_explained(failed)
        others = [result.host for result in probes if result not in failed]
        if others:
            sentence += f" {join_and(others)} could be."
        return _failed("reachability", "Connection", sentence, advice, facts)
    answered = [v for v in probes if v.failure is None]
    times = {v.host: f"{v.host} in {v.seconds * 1000:.0f} ms" for v in answered}
    untrusted = {v.host: f"{v.host} was reached, but see TLS" for v in probes if v not in answered}
    parts = [f"Answered: {join_and([*times.values()])}"] if times else []
    sentence = "; ".join([*parts, *untrusted.values()]) + "."
    return DoctorCheck("reachability", "Connection", CheckState.OK, sentence, facts=facts)


def tls(probes: Sequence[ProbeResult], today: datetime) -> DoctorCheck:
    """Check that the connections are trusted, and by which issuers."""
    facts: dict[str, JsonValue] = {"hosts": [_tls_facts(result) for result in probes]}
    failed = [v for v in probes if v.failure is not None and v.failure.is_tls]
    if failed:
        sentence, advice = _all_explained(failed)
        return _failed("tls", "TLS", sentence, advice, facts)
    spoken = [result for result in probes if result.tls]
    if not spoken:
        where = "this machine" if any(v.failure is None for v in probes) else "nobody"
        sentence = f"Not used: plain http to {where}."
        return DoctorCheck("tls", "TLS", CheckState.OK, sentence, facts=facts)
    versions = sorted({result.tls.replace("TLSv", "TLS ") for result in spoken})
    sentence = f"{join_and(versions)}."
    issuers = sorted({v.certificate.issuer for v in spoken if v.certificate})
    ends = [v.certificate.until for v in spoken if v.certificate]
    if issuers:
        plural = "s are" if len(ends) > 1 else " is"
        sentence += (
            f" The certificate{plural} issued by {join_and(issuers)}, "
            f"valid until {min(ends):%Y-%m-%d}."
        )
    if ends and min(ends) - today < SOON:
        advice = (
            "If the issuer is your organisation's proxy, have it renewed in time. If it is a "
            "public one, Zoom renews it: run again in a few days."
        )
        return DoctorCheck("tls", "TLS", CheckState.WARNING, sentence, advice, facts=facts)
    return DoctorCheck("tls", "TLS", CheckState.OK, sentence, facts=facts)


def clock(probes: Sequence[ProbeResult]) -> DoctorCheck:
    """Check the difference between this machine's clock and Zoom's."""
    dated = [result for result in probes if result.ahead is not None]
    worst = max(dated, key=lambda result: abs(result.ahead or 0.0), default=None)
    if worst is None or worst.ahead is None:
        return DoctorCheck(
            "clock",
            "Clock",
            CheckState.WARNING,
            "Not compared: no response contained the time.",
            "Make sure that NTP sets this machine's clock.",
            facts={"seconds_ahead": None},
        )
    ahead = -worst.ahead
    facts: dict[str, JsonValue] = {"seconds_ahead": round(ahead, 1), "compared_with": worst.host}
    if abs(ahead) <= MOST_SKEW:
        sentence = f"Within {MOST_SKEW:.0f} seconds of Zoom's."
        return DoctorCheck("clock", "Clock", CheckState.OK, sentence, facts=facts)
    direction = "ahead of" if ahead > 0 else "behind"
    return DoctorCheck(
        "clock",
        "Clock",
        CheckState.WARNING,
        f"This machine's clock is {_span(abs(ahead))} {direction} that of {worst.host}. Times in "
        "reports are off by as much, and waivers and attestations may end on the wrong day.",
        "Set this machine's clock, preferably by NTP.",
        facts=facts,
    )


def _all_explained(failed: Sequence[ProbeResult]) -> tuple[str, str]:
    """The failures as sentences, and advice for the first."""
    first, *rest = {result.host: result for result in failed}.values()
    sentence, advice = _explained(first)
    for other in rest:
        if other.failure is not first.failure:
            sentence += f" {_explained(other)[0]}"
        elif other.failure not in (ProbeFailure.CA_FILE, ProbeFailure.NO_PEM):
            sentence += f" The same for {other.host}."
    return sentence, advice


def _explained(result: ProbeResult) -> tuple[str, str]:
    assert result.failure is not None
    if result.failure is ProbeFailure.NO_PEM:
        by = proxy_checks.no_pem(result.route.verify)
        return f"The certificates to trust could not be read: {by.what}.", by.advice
    problem = _by_proxy(result, result.failure)
    if problem is not None:
        return f"{result.host} could not be reached: {problem.what}.", problem.advice
    sentence, advice = _FAILURES[result.failure]
    certificate = result.certificate
    seen = ""
    if certificate is not None:
        until = f"until {certificate.until.astimezone(UTC):%Y-%m-%d}"
        seen = f" (for {certificate.subject}, issued by {certificate.issuer}, {until})"
    words = {
        "host": result.host,
        "bundle": result.route.verify,
        "seen": seen,
    }
    return sentence.format(**words), advice.format(**words)


def _by_proxy(result: ProbeResult, trouble: ProbeFailure) -> ConnectionProblem | None:
    """The failure in the words of an audit, if a proxy is the cause; else None."""
    shown = result.route.shown_proxy
    match trouble:
        case ProbeFailure.PROXY_ADDRESS:
            return proxy_checks.proxy_unclear(result.route.proxy)
        case ProbeFailure.PROXY:
            return proxy_checks.proxy_unreachable(shown)
        case ProbeFailure.PROXY_LOGIN:
            return proxy_checks.proxy_refused(407, shown)
        case ProbeFailure.PROXY_REFUSED:
            return proxy_checks.proxy_refused(result.refusal or 403, shown)
        case _:
            return None


def _tls_facts(result: ProbeResult) -> dict[str, JsonValue]:
    certificate = result.certificate
    return {
        "host": result.host,
        "version": result.tls or None,
        "trouble": result.failure if result.failure is not None and result.failure.is_tls else None,
        "certificate": None
        if certificate is None
        else {
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "until": certificate.until.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        },
    }


def _failed(
    name: str, title: str, sentence: str, advice: str, facts: Mapping[str, JsonValue]
) -> DoctorCheck:
    code = ExitCode.NOTHING_EVALUATED
    return DoctorCheck(name, title, CheckState.FAILED, sentence, advice, code, facts)


def _hosts(probes: Sequence[ProbeResult]) -> str:
    return join_and(list(dict.fromkeys(result.host for result in probes)))


def _span(seconds: float) -> str:
    """A duration with a suitable unit."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}s"
    return f"{seconds:.0f} seconds"
