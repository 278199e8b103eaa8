"""The gateway's own certificate."""

import ipaddress
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from local_stack import certificate


def test_it_is_for_this_machine_and_its_key_is_nobody_elses(tmp_path: Path) -> None:
    pem = certificate.ensure(tmp_path / "tls")
    assert pem.stat().st_mode & 0o077 == 0
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pem)
    public = (tmp_path / "tls" / "gateway.crt").read_bytes()
    assert b"PRIVATE" not in public
    of = x509.load_pem_x509_certificate(public).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "localhost" in of.value.get_values_for_type(x509.DNSName)
    assert ipaddress.ip_address("127.0.0.1") in of.value.get_values_for_type(x509.IPAddress)


def test_it_stays_while_it_is_good(tmp_path: Path) -> None:
    first = certificate.ensure(tmp_path).read_bytes()
    assert certificate.ensure(tmp_path).read_bytes() == first


def test_it_is_made_anew_before_it_expires_and_where_the_address_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate, "_LIVES", timedelta(days=29))
    short = certificate.ensure(tmp_path).read_bytes()
    monkeypatch.undo()
    long = certificate.ensure(tmp_path).read_bytes()
    assert long != short
    monkeypatch.setattr(certificate, "lan_address", lambda: "192.0.2.7")
    assert certificate.ensure(tmp_path).read_bytes() != long
