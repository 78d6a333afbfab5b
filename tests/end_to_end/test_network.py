"""Networks of organisations: a proxy, with and without a password, and a CA of their own.

Zoom's own names are asked for, through a real proxy that leads to the simulated account over TLS
with certificates of a private authority: nothing of this reaches Zoom.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.sandbox import Sandbox
from tests.certificates import Authority, server_context
from tests.end_to_end.conftest import Auditor, Ran, keys
from tests.proxy import over_tls, proxying

LOGIN = "svc-audit:p4ss-of-the-proxy"
COMMERCIAL = ("zoom.us", "api.zoom.us")


@dataclass(frozen=True)
class Account:
    """The simulated account at addresses of our choice; empty ones: those of the cloud."""

    account_id: str
    client_id: str
    client_secret: str
    api_url: str = ""
    oauth_url: str = ""


@dataclass(frozen=True)
class Network:
    """Zoom's hosts as this network shows them: each over TLS, with the CA of the organisation."""

    bundle: Path
    ports: dict[str, int]
    account: Account

    def trusted(self, **more: str) -> dict[str, str]:
        """The environment of a machine that trusts the organisation's CA."""
        return {"REQUESTS_CA_BUNDLE": str(self.bundle), **more}


Networks = Callable[..., Network]


@pytest.fixture
def network(drifted: Sandbox, tmp_path: Path) -> Iterator[Networks]:
    """Makes a network in which these hosts are the simulated account."""
    authority = Authority.called("Acme Inspection CA")
    with contextlib.ExitStack() as stack:

        def made(*hosts: str) -> Network:
            ports = {}
            for host in hosts:
                folder = tmp_path / host
                folder.mkdir()
                context = server_context(folder, authority, host=host)
                ports[host] = stack.enter_context(over_tls(context, drifted.api_url[:-3]))
            account = Account(drifted.account_id, drifted.client_id, drifted.client_secret)
            return Network(authority.saved(tmp_path), ports, account)

        yield made


def failed(ran: Ran) -> str:
    """What a command that evaluated nothing says, as one line."""
    assert ran.code == 4, (ran.out, ran.err)
    assert "Traceback" not in ran.err
    return " ".join(ran.err.split())


@pytest.mark.slow
def test_an_audit_through_a_proxy_with_a_password_and_a_private_ca_is_a_whole_one(
    auditor: Auditor, network: Networks
) -> None:
    direct = auditor.report()
    here = network(*COMMERCIAL)
    with proxying(here.ports, LOGIN) as proxy:
        env = here.trusted(HTTPS_PROXY=proxy.url(LOGIN))
        ran = auditor.at(here.account).audit("-vv", "--format", "json", env=env)
    assert ran.code in (0, 3), ran.err
    assert set(proxy.asked) == set(COMMERCIAL)
    assert proxy.refused == []
    assert ran.report["summary"]["by_status"] == direct["summary"]["by_status"]
    assert keys(ran.report) == keys(direct)
    assert ran.report["run"]["api_url"] == "https://api.zoom.us/v2"
    assert LOGIN.partition(":")[2] not in ran.err + ran.out


def test_a_proxy_without_a_password_is_enough(auditor: Auditor, network: Networks) -> None:
    here = network(*COMMERCIAL)
    with proxying(here.ports) as proxy:
        env = here.trusted(HTTPS_PROXY=proxy.url())
        ran = auditor.at(here.account).audit("--depth", "account", env=env)
    assert ran.code in (0, 3), ran.err
    assert set(proxy.asked) == set(COMMERCIAL)


@pytest.mark.parametrize(
    ("cloud", "hosts"),
    [
        ("gov", ("zoomgov.com", "api.zoomgov.com")),
        ("eu", ("zoom.us", "api-eu.zoom.us")),
        ("uk", ("zoom.us", "api-uk.zoom.us")),
    ],
)
def test_a_named_cloud_asks_its_own_hosts_and_no_others(
    auditor: Auditor, network: Networks, cloud: str, hosts: tuple[str, str]
) -> None:
    here = network(*hosts)
    with proxying(here.ports) as proxy:
        env = here.trusted(HTTPS_PROXY=proxy.url(), ZOOM_CLOUD=cloud)
        ran = auditor.at(here.account).audit("--depth", "account", env=env)
    assert ran.code in (0, 3), ran.err
    assert set(proxy.asked) == set(hosts)
    assert proxy.refused == []


def test_a_proxy_that_wants_a_password_says_where_it_goes(
    auditor: Auditor, network: Networks
) -> None:
    here = network(*COMMERCIAL)
    with proxying(here.ports, LOGIN) as proxy:
        env = here.trusted(HTTPS_PROXY=proxy.url("svc-audit:wr0ng-word"))
        said = failed(auditor.at(here.account).audit("-vv", env=env))
    assert "the proxy requires a user name and a password" in said
    assert "Put them into HTTPS_PROXY, in front of the host" in said
    assert "wr0ng-word" not in said
    assert set(proxy.refused) == {"zoom.us"}


def test_a_proxy_that_refuses_is_named_with_what_it_has_to_let_through(
    auditor: Auditor, network: Networks
) -> None:
    here = network(*COMMERCIAL)
    with proxying({}) as proxy:
        said = failed(auditor.at(here.account).audit(env=here.trusted(HTTPS_PROXY=proxy.url())))
    assert "the proxy refused (HTTP 403)" in said
    assert "let Zoom's hosts through (docs/operations/network.md" in said


@pytest.mark.slow
def test_a_proxy_that_is_not_there_is_told_apart_from_one_that_refuses(
    auditor: Auditor, network: Networks
) -> None:
    here = network(*COMMERCIAL)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    env = here.trusted(HTTPS_PROXY=f"http://127.0.0.1:{port}")
    said = failed(auditor.at(here.account).audit(env=env))
    assert "the proxy could not be reached. Check HTTPS_PROXY" in said


@pytest.mark.slow
@pytest.mark.parametrize("how", ["refuses", "cannot", "wants another password", "is not there"])
def test_the_doctor_says_of_a_proxy_what_the_audit_says(
    auditor: Auditor, network: Networks, how: str
) -> None:
    here = network(*COMMERCIAL)
    login = LOGIN if how == "wants another password" else ""
    clause = {
        "refuses": "refused (HTTP 403)",
        "cannot": "refused (HTTP 502): most often it could not reach Zoom itself",
        "wants another password": "requires a user name and a password, or other ones",
        "is not there": "could not be reached",
    }[how]
    with proxying({}, login, status=502 if how == "cannot" else 403) as proxy:
        port = proxy.port
        if how == "is not there":
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
        wrong = "svc-audit:wr0ng-word@" if login else ""
        env = here.trusted(HTTPS_PROXY=f"http://{wrong}127.0.0.1:{port}")
        examined = auditor.at(here.account)("doctor", env=env)
        audited = failed(auditor.at(here.account).audit(env=env))
    told = " ".join(examined.out.split())
    assert f"zoom.us could not be reached: the proxy http://127.0.0.1:{port} {clause}. " in told
    assert f"the proxy {clause}. " in audited
    advice = audited.partition(f"the proxy {clause}. ")[2].split(". ")[0]
    assert advice in told
    assert "wr0ng-word" not in told + audited


def test_a_password_that_is_written_wrongly_is_not_shown_or_looked_up(
    auditor: Auditor, network: Networks
) -> None:
    here = network(*COMMERCIAL)
    with proxying({}) as proxy:
        env = here.trusted(HTTPS_PROXY=f"http://svc:p@ssS3cr/tword@127.0.0.1:{proxy.port}")
        examined = auditor.at(here.account)("doctor", env=env)
        document = auditor.at(here.account)("doctor", "--format", "json", env=env)
        audited = auditor.at(here.account).audit("-vv", env=env)
    for ran in (examined, document, audited):
        assert ran.code == 4
        assert "ssS3cr" not in ran.out + ran.err
        assert "HTTPS_PROXY" in ran.out + ran.err
        assert "%40" in ran.out + ran.err
    assert proxy.refused == []


@pytest.mark.parametrize("kind", ["der", "empty"])
def test_a_bundle_without_pem_certificates_is_said_to_be_so(
    auditor: Auditor, network: Networks, tmp_path: Path, kind: str
) -> None:
    here = network(*COMMERCIAL)
    bundle = tmp_path / f"{'long' * 40}" / "acme.der"
    bundle.parent.mkdir()
    pem = here.bundle.read_bytes()
    bundle.write_bytes(b"" if kind == "empty" else ssl.PEM_cert_to_DER_cert(pem.decode()))
    with proxying(here.ports) as proxy:
        env = {"HTTPS_PROXY": proxy.url(), "REQUESTS_CA_BUNDLE": str(bundle)}
        examined = " ".join(auditor.at(here.account)("doctor", env=env).out.split())
        audited = failed(auditor.at(here.account).audit(env=env))
    for said in (examined, audited):
        assert "acme.der, which REQUESTS_CA_BUNDLE names, contains no PEM certificates" in said
        assert "openssl x509 -inform der -in FILE -out FILE.pem, and name FILE.pem." in said
        assert "…" not in said


@pytest.mark.parametrize("wrong", ["none", "other"])
def test_an_authority_that_is_not_trusted_is_refused_and_the_variable_named(
    auditor: Auditor, network: Networks, tmp_path: Path, drifted: Sandbox, wrong: str
) -> None:
    here = network(*COMMERCIAL)
    other = Authority.called("Somebody else").saved(tmp_path)
    asked = drifted.requests.total
    with proxying(here.ports) as proxy:
        env = {"HTTPS_PROXY": proxy.url()}
        if wrong == "other":
            env["REQUESTS_CA_BUNDLE"] = str(other)
        said = failed(auditor.at(here.account).audit(env=env))
    assert "no trusted TLS connection" in said
    assert "REQUESTS_CA_BUNDLE" in said
    assert drifted.requests.total == asked


def test_a_bundle_that_is_not_there_is_said_to_be_so(
    auditor: Auditor, network: Networks, tmp_path: Path
) -> None:
    here = network(*COMMERCIAL)
    with proxying(here.ports) as proxy:
        env = {"HTTPS_PROXY": proxy.url(), "REQUESTS_CA_BUNDLE": str(tmp_path / "gone.pem")}
        said = failed(auditor.at(here.account).audit(env=env))
    assert "there are no certificates where REQUESTS_CA_BUNDLE" in said


def test_the_doctor_sees_the_proxy_and_who_issued_the_certificates(
    auditor: Auditor, network: Networks
) -> None:
    here = network(*COMMERCIAL)
    with proxying(here.ports, LOGIN) as proxy:
        env = here.trusted(HTTPS_PROXY=proxy.url(LOGIN))
        ran = auditor.at(here.account)("doctor", "--depth", "account", env=env)
    said = " ".join(ran.out.split())
    assert f"through http://127.0.0.1:{proxy.port}." in said
    assert "issued by Acme Inspection CA" in said
    assert LOGIN.partition(":")[2] not in ran.out + ran.err


def test_a_private_ca_counts_on_this_machine_too_and_the_proxy_does_not(
    auditor: Auditor, network: Networks
) -> None:
    here = network("localhost")
    origin = f"https://localhost:{here.ports['localhost']}"
    account = Account(
        here.account.account_id,
        here.account.client_id,
        here.account.client_secret,
        f"{origin}/v2",
        f"{origin}/oauth/token",
    )
    with proxying({}) as proxy:
        env = here.trusted(HTTPS_PROXY=proxy.url())
        ran = auditor.at(account).audit("--depth", "account", env=env)
        untrusting = auditor.at(account).audit("--depth", "account")
    assert ran.code in (0, 3), ran.err
    assert proxy.refused == []
    assert "REQUESTS_CA_BUNDLE" in failed(untrusting)
