"""Connections to PostgreSQL: verified certificates, no password in clear text, UTF8 only."""

import contextlib
import logging
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from auditor.store import postgresql
from auditor.store.database import Database
from auditor.store.errors import HistoryUnfit, HistoryUnreachable, StoreError
from auditor.store.runs import Runs
from tests.store.conftest import PASSWORD, Server
from tests.store.nights import Nights

EVERYWHERE = "0.0.0.0"
"""Leads to this machine, and is no loopback address."""
_SSL_REQUEST = 80877103


@dataclass
class Eavesdropper:
    """A server that has no TLS and asks for the password in clear text."""

    port: int
    received: bytearray = field(default_factory=bytearray)


@pytest.fixture
def eavesdropper() -> Iterator[Eavesdropper]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Eavesdropper(listening.getsockname()[1])
        thread = threading.Thread(target=_listen, args=(listening, server))
        thread.start()
        yield server
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def _listen(listening: socket.socket, server: Eavesdropper) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                while data := connection.recv(4096):
                    server.received += data
                    asks_for_tls = len(data) == 8 and struct.unpack("!I", data[4:])[0]
                    wants_password = struct.pack("!cII", b"R", 8, 3)
                    connection.sendall(b"N" if asks_for_tls == _SSL_REQUEST else wants_password)


def opened(url: str, home: Path) -> None:
    with closing(Nights(Runs(home, url))) as nights:
        nights.night()


# Passwords


@pytest.mark.parametrize(
    ("host", "query", "expected"),
    [
        (EVERYWHERE, "", r"does not support SSL.*Turn on TLS"),
        (EVERYWHERE, "?sslmode=disable", r"clear text.*scram-sha-256"),
        (EVERYWHERE, "?sslmode=prefer", r"clear text.*scram-sha-256"),
        ("127.0.0.1", "", r"clear text.*scram-sha-256"),
        ("localhost", "?sslmode=verify-full", r"does not support SSL"),
    ],
)
def test_a_server_without_tls_gets_no_password(
    eavesdropper: Eavesdropper, tmp_path: Path, host: str, query: str, expected: str
) -> None:
    url = f"postgresql://auditor:{PASSWORD}@{host}:{eavesdropper.port}/history{query}"
    with pytest.raises(HistoryUnreachable, match=expected):
        opened(url, tmp_path)
    assert eavesdropper.received
    assert PASSWORD.encode() not in eavesdropper.received


def test_variables_of_libpq_do_not_weaken_what_the_address_leaves_open(
    eavesdropper: Eavesdropper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", "disable")
    monkeypatch.setenv("PGGSSENCMODE", "prefer")
    url = f"postgresql://auditor:{PASSWORD}@{EVERYWHERE}:{eavesdropper.port}/history"
    with pytest.raises(HistoryUnreachable, match="does not support SSL"):
        opened(url, tmp_path)
    assert len(eavesdropper.received) == 8  # the question whether it has TLS


@pytest.mark.slow
def test_a_password_in_clear_text_can_be_allowed(
    eavesdropper: Eavesdropper, tmp_path: Path
) -> None:
    url = f"postgresql://auditor:{PASSWORD}@127.0.0.1:{eavesdropper.port}/history"
    with pytest.raises(StoreError):
        opened(f"{url}?require_auth=password", tmp_path)
    assert PASSWORD.encode() in eavesdropper.received


# Which addresses


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u@localhost/db",
        "postgresql://u@127.0.0.2:5433/db",
        "postgresql://u@[::1]/db",
        "postgresql:///db",
        "postgresql:///db?host=/run/postgresql",
        "postgresql:///db?host=/run/a,/run/b",
        "postgresql:///db?host=localhost:5432&host=127.0.0.1:5433",
        "postgresql://u@db.example.com/db?hostaddr=127.0.0.1",
    ],
)
def test_this_machine_needs_no_tls(address: str) -> None:
    arguments = postgresql.connect_arguments(make_url(address))
    assert "sslmode" not in arguments
    assert postgresql.weakness(make_url(f"{address}{_more(address)}sslmode=disable")) == ""


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u@db.example.com/db",
        "postgresql://u@localhost.example.com/db",
        "postgresql://u@10.0.0.1/db",
        "postgresql://u@127.1/db",
        "postgresql://u@localhost/db?hostaddr=10.0.0.1",
        "postgresql:///db?host=localhost,db.example.com",
        "postgresql:///db?host=localhost:5432&host=db.example.com:5432",
        "postgresql:///db?service=reports",
    ],
)
def test_every_other_address_is_verified(address: str) -> None:
    arguments = postgresql.connect_arguments(make_url(address))
    assert arguments["sslmode"] == "verify-full"
    assert arguments["gssencmode"] == "disable"
    assert Path(arguments["sslrootcert"]).is_file()
    assert "require_auth" not in arguments


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR", "PGSERVICE"])
def test_what_libpq_finds_in_the_environment_counts(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "10.0.0.1")
    assert not postgresql.is_local(make_url("postgresql:///db"))


@pytest.mark.parametrize(
    ("mode", "consequence"),
    [
        ("disable", "read and change the evidence"),
        ("allow", "identity of the server is not checked"),
        ("prefer", "identity of the server is not checked"),
        ("require", "impersonate the server"),
        ("verify-ca", "name is not checked"),
    ],
)
def test_what_a_weaker_mode_gives_up_is_reported_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: str, consequence: str
) -> None:
    url = f"postgresql://u@{EVERYWHERE}:1/db?sslmode={mode}"
    logging.getLogger("auditor").propagate = True
    for _ in range(2):
        with pytest.raises(StoreError), Database(url, tmp_path).reading():
            pass
    messages = [record.message for record in caplog.records]
    assert len(messages) == 2
    assert f"sslmode={mode}" in messages[0]
    assert consequence in messages[0]


def test_a_certificate_authority_is_taken_from_the_address_or_the_variable_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    far = "postgresql://u@db.example.com/db"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    assert postgresql.connect_arguments(make_url(far))["sslrootcert"] == str(bundle)
    named = make_url(f"{far}?sslrootcert=/etc/ssl/acme.pem")
    assert "sslrootcert" not in postgresql.connect_arguments(named)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").write_text("")
    assert "sslrootcert" not in postgresql.connect_arguments(make_url(far))


# A server with TLS


@contextmanager
def with_tls(server: Server, folder: Path) -> Iterator[tuple[int, Path]]:
    """The server with TLS on TCP: its port, and the certificate that it shows for localhost."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    key, certificate = server.folder / "server.key", server.folder / "server.crt"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    made = ("-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate)
    subprocess.run(
        [openssl, "req", "-x509", *made, *names], check=True, capture_output=True, timeout=60
    )
    if server.user is not None:
        shutil.chown(key, server.user)
        shutil.chown(certificate, server.user)
    key.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    trusted = folder / "ca.pem"
    trusted.write_bytes(certificate.read_bytes())
    options = (
        f"-k {server.folder} -c listen_addresses=127.0.0.1 -p {port} -c fsync=off -c ssl=on "
        f"-c ssl_cert_file={certificate} -c ssl_key_file={key}"
    )
    control = ("-D", server.folder / "data", "-l", server.folder / "log", "-w")
    server.run("pg_ctl", *control, "-m", "fast", "stop")
    server.run("pg_ctl", *control, "-o", options, "start")
    try:
        yield port, trusted
    finally:
        server.run("pg_ctl", *control, "-m", "fast", "stop")
        plain = f"-k {server.folder} -c listen_addresses='' -c fsync=off -c max_connections=30"
        server.run("pg_ctl", *control, "-o", plain, "start")


def test_a_certificate_that_fits_is_used_and_another_refused(
    server: Server, tmp_path: Path
) -> None:
    name = server.database().partition("@/")[2].partition("?")[0]
    with with_tls(server, tmp_path) as (port, trusted):
        at = f"postgresql://auditor:{PASSWORD}@"
        verified = f"localhost:{port}/{name}?sslmode=verify-full&sslrootcert={trusted}"
        opened(at + verified, tmp_path / "one")
        with pytest.raises(
            HistoryUnreachable, match=r"certificate verify failed.*sslrootcert=FILE"
        ):
            opened(at + f"{EVERYWHERE}:{port}/{name}", tmp_path / "two")
        other = f"{EVERYWHERE}:{port}/{name}?sslrootcert={trusted}"
        with pytest.raises(HistoryUnreachable, match=r"certificate for.*does not match host name"):
            opened(at + other, tmp_path / "three")


# Encoding


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_name_is_refused_with_how_to_make_one(
    server: Server, tmp_path: Path, encoding: str
) -> None:
    name = f"in_{encoding.lower()}"
    server.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0")
    with pytest.raises(HistoryUnfit, match=rf"{encoding}.*CREATE DATABASE.*'UTF8'.*template0"):
        opened(server.url(name), tmp_path)
    with pytest.raises(HistoryUnfit), Database(server.url(name), tmp_path).reading():
        pass
    assert len(Runs(tmp_path).unarchived()) == 1  # the run is whole, and stored once there is one


def test_what_the_message_advises_makes_a_database_that_fits(
    server: Server, tmp_path: Path
) -> None:
    server.execute(
        "CREATE DATABASE advised ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    opened(server.url("advised"), tmp_path)


def test_the_encoding_of_the_client_is_not_the_environments(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    url = server.database()
    with closing(Nights(Runs(tmp_path, url))) as nights:
        entry = nights.night()
        nights.history.accept(entry, "2026-11-29T00:00:00Z", "Łódź 🎉")
        assert nights.history.acceptances()


def _more(address: str) -> str:
    return "&" if "?" in address else "?"
