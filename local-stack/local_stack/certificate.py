"""The gateway's own certificate: a phone gives a page its camera only over HTTPS."""

import ipaddress
import socket
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# the longest that Apple's devices accept of a certificate somebody trusts by hand
_LIVES = timedelta(days=820)
_RENEWED_BEFORE = timedelta(days=30)


def ensure(folder: Path) -> Path:
    """The PEM file with key and certificate, for HAProxy; gateway.crt beside it is for phones.

    It is for this machine's names and addresses, and made anew where those have changed or it is
    about to expire.
    """
    pem, names = folder / "gateway.pem", _names()
    if not (pem.exists() and _is_good(pem.read_bytes(), names)):
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(key, names).public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / "gateway.crt").write_bytes(certificate)
        pem.touch(mode=0o600)
        pem.write_bytes(secret + certificate)
    return pem


def lan_address() -> str | None:
    """This machine's address for others in its network; None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it asks for the route (RFC 5737)
        except OSError:
            return None
        return probe.getsockname()[0]


def _names() -> list[x509.GeneralName]:
    addresses = {"127.0.0.1", "::1", lan_address() or "127.0.0.1"}
    host = socket.gethostname()
    return [
        *map(x509.DNSName, sorted({"localhost", host, f"{host}.local"})),
        *(x509.IPAddress(ipaddress.ip_address(one)) for one in sorted(addresses)),
    ]


def _is_good(pem: bytes, names: list[x509.GeneralName]) -> bool:
    certificate = x509.load_pem_x509_certificate(pem)
    of = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    lives_on = certificate.not_valid_after_utc - _RENEWED_BEFORE > datetime.now(timezone.utc)
    return lives_on and set(of) == set(names)


def _signed(key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName]) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TicketRemaster local gateway")])
    return (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIVES)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
