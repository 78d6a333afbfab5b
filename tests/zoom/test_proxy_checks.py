"""Proxies and trusted certificates as people configure them, and the messages about them."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from auditor.redaction.text import redact_text
from auditor.zoom import proxy_checks
from tests.certificates import Authority

CLEAR = [
    ("http://proxy.example.com:8080", "http://proxy.example.com:8080"),
    ("proxy.example.com:8080", "http://proxy.example.com:8080"),
    ("http://svc:s3cret@proxy:8080/", "http://proxy:8080"),
    ("http://svc:p%40ss%2Fword@proxy:8080", "http://proxy:8080"),
    ("svc:s3cret@proxy:8080", "http://proxy:8080"),
    ("http://proxy:8080/path", "http://proxy:8080"),
]
UNCLEAR = [
    "http://svc:p@ssS3cr/tword@127.0.0.1:9",
    "http://svc:p@ssS3cr@127.0.0.1:9",
    "http://svc:ssS3cr/tword@127.0.0.1:9",
    "http://svc:12/ssS3cr@127.0.0.1:9",
    "http://svc:p@ssS3cr/tword",
    "http://svc:p#ssS3cr@127.0.0.1:9",
    "http://svc:p?ssS3cr@127.0.0.1:9",
    "http://svc:p\\ssS3cr@127.0.0.1:9",
    "http://svc:p ssS3cr@127.0.0.1:9",
    "svc:ssS3cr",
    "http://svc:ssS3cr@",
    "http://svc:ssS3cr@:9",
    "http://",
    "http://:8080",
]


@pytest.mark.parametrize(("address", "shown"), CLEAR)
def test_a_clear_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert proxy_checks.is_parseable(address)
    assert proxy_checks.shown_proxy(address) == shown


@pytest.mark.parametrize("address", UNCLEAR)
def test_of_an_unclear_address_only_the_variable_is_shown(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", address)
    assert not proxy_checks.is_parseable(address)
    assert proxy_checks.shown_proxy(address) == "the proxy in ALL_PROXY"
    message = str(proxy_checks.proxy_unclear(address))
    assert "ALL_PROXY" in message
    assert "%40" in message
    assert "svc" not in message
    assert "ssS3cr" not in message


def test_no_proxy_is_shown_as_none() -> None:
    assert proxy_checks.shown_proxy("") == ""
    assert proxy_checks.is_parseable("")


def test_no_sentence_looks_like_a_secret() -> None:
    """Messages of an audit are redacted like everything else."""
    for hindrance in (
        proxy_checks.proxy_unclear("http://a@b@c"),
        proxy_checks.proxy_unreachable("http://proxy:1"),
        proxy_checks.proxy_refused(407, "http://proxy:1"),
        proxy_checks.proxy_refused(403),
        proxy_checks.proxy_refused(502),
        proxy_checks.no_pem("/etc/acme.der"),
    ):
        assert redact_text(str(hindrance)) == str(hindrance)


def test_each_refusal_of_a_proxy_is_another() -> None:
    problems = [
        proxy_checks.proxy_unreachable(),
        *(proxy_checks.proxy_refused(status) for status in (403, 407, 502)),
    ]
    assert (
        len({problem.what for problem in problems})
        == len({problem.advice for problem in problems})
        == len(problems)
    )


@pytest.mark.parametrize("kind", ["der", "empty", "text"])
def test_a_file_without_pem_certificates_is_told_with_how_to_convert_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    der = Authority.called("Acme").certificate.public_bytes(serialization.Encoding.DER)
    file = tmp_path / "acme ca.crt"
    file.write_bytes({"der": der, "empty": b"", "text": b"any text\n"}[kind])
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("CURL_CA_BUNDLE", str(file))
    assert proxy_checks.is_invalid_ca_bundle(str(file))
    message = str(proxy_checks.no_pem(str(file)))
    assert f"{file}, which CURL_CA_BUNDLE names, contains no PEM certificates" in message
    assert "openssl x509 -inform der -in FILE -out FILE.pem" in message


def test_what_holds_certificates_or_is_not_there_is_none_of_it(tmp_path: Path) -> None:
    assert not proxy_checks.is_invalid_ca_bundle(str(Authority.called("Acme").saved(tmp_path)))
    assert not proxy_checks.is_invalid_ca_bundle(str(tmp_path / "gone.pem"))
    assert not proxy_checks.is_invalid_ca_bundle(True)


@pytest.mark.parametrize(
    "url",
    ["https://u:S3cret@api.zoom.us/v2", "https://u:S3/c@api.zoom.us", "https://a.zoom.us?t=S3c"],
)
def test_an_address_with_a_password_in_it_is_not_shown(url: str) -> None:
    assert "S3" not in proxy_checks.shown_url(url)


def test_an_address_without_one_is_shown_as_it_is() -> None:
    assert proxy_checks.shown_url("https://api.zoom.us/v2") == "https://api.zoom.us/v2"


@pytest.mark.parametrize("address", ["socks5://proxy:1080", "SOCKS5H://svc:ssS3cr@proxy:1080"])
def test_a_kind_of_proxy_that_is_not_supported_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", address)
    assert not proxy_checks.is_parseable(address)
    message = str(proxy_checks.proxy_unclear(address))
    assert "socks5" in message
    assert "not supported" in message
    assert "ssS3cr" not in message


@pytest.mark.parametrize("address", ["http://proxy:3128 ", " http://proxy:3128", "proxy:3128\n"])
def test_a_blank_around_a_proxy_is_no_matter_of_passwords(address: str) -> None:
    assert not proxy_checks.is_parseable(address)
    assert "begins or ends with a space" in str(proxy_checks.proxy_unclear(address))
    assert "%40" not in str(proxy_checks.proxy_unclear(address))


def test_a_folder_of_certificates_needs_its_links(tmp_path: Path) -> None:
    (tmp_path / "acme.pem").write_text("a certificate")
    assert proxy_checks.is_invalid_ca_bundle(str(tmp_path))
    assert f"openssl rehash {tmp_path}" in str(proxy_checks.no_pem(str(tmp_path)))
    (tmp_path / "5ed36f99.0").symlink_to("acme.pem")
    assert not proxy_checks.is_invalid_ca_bundle(str(tmp_path))
