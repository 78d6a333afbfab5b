"""The way to Zoom: proxies, connections, TLS and clocks, from what probes brought back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from auditor.doctor.model import CheckState, DoctorCheck
from auditor.errors import ExitCode
from auditor.evidence.reading import JsonValue
from auditor.zoom import proxy_checks
from auditor.zoom.probe import ProbeFailure, ProbeResult
from auditor.zoom.proxy_checks import ConnectionProblem

MOST_SKEW = 60.0
"""Seconds that clocks may differ."""
SOON = timedelta(days=14)
"""A certificate that ends within this time is told of."""

_CHECK_NETWORK = "Check the network, the firewall and HTTPS_PROXY."
_TRUST = (
    "If a proxy of your organisation inspects TLS, save its CA certificate as a PEM file together "
    "with the public ones and name that file in REQUESTS_CA_BUNDLE. If there is no such proxy, "
    "somebody may be listening: go no further."
)
_CLOCK = "Check this machine's clock first; if it is right, whoever runs the proxy has to renew it."

_TROUBLE: Mapping[ProbeFailure, tuple[str, str]] = {
    ProbeFailure.NAME: (
        "{host} could not be reached: no address is known for this name.",
        "Check DNS and the address (ZOOM_API_URL, ZOOM_OAUTH_URL); where only a proxy leads out, "
        "set HTTPS_PROXY.",
    ),
    ProbeFailure.REFUSED: (
        "{host} could not be reached: the connection was refused.",
        "Check the address and its port (ZOOM_API_URL, ZOOM_OAUTH_URL), the firewall and "
        "HTTPS_PROXY.",
    ),
    ProbeFailure.SILENT: ("{host} could not be reached: no answer in time.", _CHECK_NETWORK),
    ProbeFailure.NETWORK: ("{host} could not be reached: there is no way to it.", _CHECK_NETWORK),
    ProbeFailure.BROKEN: (
        "{host} could not be reached: the connection broke before an answer came.",
        "Run again; if it stays so, check the firewall and HTTPS_PROXY.",
    ),
    ProbeFailure.CA_FILE: (
        "The certificates to trust could not be read: {bundle} does not exist, or is not for this "
        "user to read.",
        "Correct REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE), or unset it.",
    ),
    ProbeFailure.SELF_SIGNED: (
        "{host} shows a certificate that is signed by itself and not trusted here{seen}.",
        _TRUST,
    ),
    ProbeFailure.ISSUER: (
        "{host} shows a certificate whose issuer is not trusted here{seen}.",
        _TRUST,
    ),
    ProbeFailure.HOSTNAME: (
        "{host} shows a certificate for another name{seen}.",
        "Check the address (ZOOM_API_URL, ZOOM_OAUTH_URL) and HTTPS_PROXY: something else answers "
        "in its place.",
    ),
    ProbeFailure.EXPIRED: ("{host} shows a certificate that has expired{seen}.", _CLOCK),
    ProbeFailure.NOT_YET: ("{host} shows a certificate that is not valid yet{seen}.", _CLOCK),
    ProbeFailure.TLS: (
        "No TLS connection with {host} came about.",
        "Something between here and Zoom may not speak TLS 1.2 or newer: check the proxy and the "
        "firewall.",
    ),
}


def proxy(visits: Sequence[ProbeResult]) -> DoctorCheck:
    """Which proxy applies to each host."""
    told = {visit.host: visit.route.shown_proxy for visit in visits}
    used = sorted(set(told.values()) - {""})
    if not used:
        sentence = f"None: {_hosts(visits)} directly."
    elif len(set(told.values())) == 1:
        sentence = f"{_hosts(visits)} through {used[0]}."
    else:
        ways = [f"{host} {f'through {by}' if by else 'directly'}" for host, by in told.items()]
        sentence = f"{_and(ways)}."
    bundle = next((v.route.verify for v in visits if isinstance(v.route.verify, str)), "")
    if bundle:
        sentence += f" Certificates are checked against {bundle}."
    facts: dict[str, JsonValue] = {
        "hosts": [{"host": v.host, "proxy": v.route.shown_proxy or None} for v in visits],
        "ca_bundle": bundle or None,
    }
    return DoctorCheck("proxy", "Proxy", CheckState.OK, sentence, facts=facts)


def reach(visits: Sequence[ProbeResult]) -> DoctorCheck:
    """Whether the hosts answer; what their certificates are worth is told by `tls`."""
    facts: dict[str, JsonValue] = {
        "hosts": [
            {
                "host": visit.host,
                "reached": visit.failure is None or visit.failure.is_tls,
                "trouble": visit.failure,
                "proxy_status": visit.refusal,
                "status": visit.status,
                "milliseconds": None if visit.status is None else round(visit.seconds * 1000),
            }
            for visit in visits
        ]
    }
    failed = [v for v in visits if v.failure is not None and not v.failure.is_tls]
    if failed:
        sentence, advice = _all_explained(failed)
        others = [visit.host for visit in visits if visit not in failed]
        if others:
            sentence += f" {_and(others)} could be."
        return _failed("reachability", "Connection", sentence, advice, facts)
    answered = [v for v in visits if v.failure is None]
    times = {v.host: f"{v.host} in {v.seconds * 1000:.0f} ms" for v in answered}
    met = {v.host: f"{v.host} was met, but see TLS" for v in visits if v not in answered}
    said = [f"Answered: {_and([*times.values()])}"] if times else []
    sentence = "; ".join([*said, *met.values()]) + "."
    return DoctorCheck("reachability", "Connection", CheckState.OK, sentence, facts=facts)


def tls(visits: Sequence[ProbeResult], today: datetime) -> DoctorCheck:
    """Whether the connections can be trusted, and who vouches for them."""
    facts: dict[str, JsonValue] = {"hosts": [_tls_facts(visit) for visit in visits]}
    failed = [v for v in visits if v.failure is not None and v.failure.is_tls]
    if failed:
        sentence, advice = _all_explained(failed)
        return _failed("tls", "TLS", sentence, advice, facts)
    spoken = [visit for visit in visits if visit.tls]
    if not spoken:
        where = "this machine" if any(v.failure is None for v in visits) else "nobody"
        sentence = f"Not used: plain http to {where}."
        return DoctorCheck("tls", "TLS", CheckState.OK, sentence, facts=facts)
    versions = sorted({visit.tls.replace("TLSv", "TLS ") for visit in spoken})
    sentence = f"{_and(versions)}."
    issuers = sorted({v.certificate.issuer for v in spoken if v.certificate})
    ends = [v.certificate.until for v in spoken if v.certificate]
    if issuers:
        plural = "s are" if len(ends) > 1 else " is"
        sentence += (
            f" The certificate{plural} issued by {_and(issuers)}, valid until {min(ends):%Y-%m-%d}."
        )
    if ends and min(ends) - today < SOON:
        advice = (
            "If the issuer is your organisation's proxy, have it renewed in time. If it is a "
            "public one, Zoom renews it: run again in a few days."
        )
        return DoctorCheck("tls", "TLS", CheckState.WARNING, sentence, advice, facts=facts)
    return DoctorCheck("tls", "TLS", CheckState.OK, sentence, facts=facts)


def clock(visits: Sequence[ProbeResult]) -> DoctorCheck:
    """How far this machine's clock is from Zoom's."""
    told = [visit for visit in visits if visit.ahead is not None]
    worst = max(told, key=lambda visit: abs(visit.ahead or 0.0), default=None)
    if worst is None or worst.ahead is None:
        return DoctorCheck(
            "clock",
            "Clock",
            CheckState.WARNING,
            "Not compared: no answer told the time.",
            "Make sure that this machine keeps its clock by NTP.",
            facts={"seconds_ahead": None},
        )
    ahead = -worst.ahead
    facts: dict[str, JsonValue] = {"seconds_ahead": round(ahead, 1), "compared_with": worst.host}
    if abs(ahead) <= MOST_SKEW:
        sentence = f"Within {MOST_SKEW:.0f} seconds of Zoom's."
        return DoctorCheck("clock", "Clock", CheckState.OK, sentence, facts=facts)
    way = "ahead of" if ahead > 0 else "behind"
    return DoctorCheck(
        "clock",
        "Clock",
        CheckState.WARNING,
        f"This machine's clock is {_span(abs(ahead))} {way} that of {worst.host}. Times in "
        "reports are off by as much, and waivers and attestations may end on the wrong day.",
        "Set this machine's clock, best by NTP.",
        facts=facts,
    )


def _all_explained(failed: Sequence[ProbeResult]) -> tuple[str, str]:
    """What happened to all of them, and what to do about the first."""
    first, *rest = {visit.host: visit for visit in failed}.values()
    sentence, advice = _explained(first)
    for other in rest:
        if other.failure is not first.failure:
            sentence += f" {_explained(other)[0]}"
        elif other.failure not in (ProbeFailure.CA_FILE, ProbeFailure.NO_PEM):
            sentence += f" The same for {other.host}."
    return sentence, advice


def _explained(visit: ProbeResult) -> tuple[str, str]:
    assert visit.failure is not None
    if visit.failure is ProbeFailure.NO_PEM:
        by = proxy_checks.no_pem(visit.route.verify)
        return f"The certificates to trust could not be read: {by.what}.", by.advice
    hindered = _by_proxy(visit, visit.failure)
    if hindered is not None:
        return f"{visit.host} could not be reached: {hindered.what}.", hindered.advice
    sentence, advice = _TROUBLE[visit.failure]
    certificate = visit.certificate
    seen = ""
    if certificate is not None:
        until = f"until {certificate.until.astimezone(UTC):%Y-%m-%d}"
        seen = f" (for {certificate.subject}, issued by {certificate.issuer}, {until})"
    words = {
        "host": visit.host,
        "bundle": visit.route.verify,
        "seen": seen,
    }
    return sentence.format(**words), advice.format(**words)


def _by_proxy(visit: ProbeResult, trouble: ProbeFailure) -> ConnectionProblem | None:
    """What a proxy has to do with it, as an audit says it; None where it is something else."""
    shown = visit.route.shown_proxy
    match trouble:
        case ProbeFailure.PROXY_ADDRESS:
            return proxy_checks.proxy_unclear(visit.route.proxy)
        case ProbeFailure.PROXY:
            return proxy_checks.proxy_unreachable(shown)
        case ProbeFailure.PROXY_LOGIN:
            return proxy_checks.proxy_refused(407, shown)
        case ProbeFailure.PROXY_REFUSED:
            return proxy_checks.proxy_refused(visit.refusal or 403, shown)
        case _:
            return None


def _tls_facts(visit: ProbeResult) -> dict[str, JsonValue]:
    certificate = visit.certificate
    return {
        "host": visit.host,
        "version": visit.tls or None,
        "trouble": visit.failure if visit.failure is not None and visit.failure.is_tls else None,
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


def _hosts(visits: Sequence[ProbeResult]) -> str:
    return _and(list(dict.fromkeys(visit.host for visit in visits)))


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def _span(seconds: float) -> str:
    """A length of time in the unit that fits."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}s"
    return f"{seconds:.0f} seconds"
