"""Certificates for the tests, as cert-manager makes them: an authority, and folders with tls.crt, tls.key and
ca.crt.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ringline.identity import name_of

DAY = timedelta(days=1)


class Authority:
    """Signs certificates."""

    def __init__(self, name: str = "an authority of the tests") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = (
            _draft(self._key)
            .subject_name(subject)
            .issuer_name(subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, SHA256())
        )

    @property
    def pem(self) -> bytes:
        """What others trust."""
        return self._certificate.public_bytes(Encoding.PEM)

    @property
    def key(self) -> bytes:
        """What it signs with, as cert-manager keeps it in a Secret."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def issue(
        self, names: Sequence[str], until: datetime | None = None, addresses: Sequence[str] = ()
    ) -> tuple[bytes, bytes]:
        """A certificate with these DNS names and IP addresses, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        draft = _draft(key, until).subject_name(x509.Name([])).issuer_name(self._certificate.subject)
        if names or addresses:
            literal = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
            alternative = x509.SubjectAlternativeName([*(x509.DNSName(name) for name in names), *literal])
            draft = draft.add_extension(alternative, critical=True)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = draft.add_extension(usage, critical=False).sign(self._key, SHA256())
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return certificate.public_bytes(Encoding.PEM), secret

    def furnish(
        self,
        folder: Path,
        *services: str,
        trusts: Sequence[Authority] = (),
        names: Sequence[str] | None = None,
        until: datetime | None = None,
    ) -> Path:
        """Writes a certificate for these services, or these names, that trusts this authority or those."""
        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = self.issue(names or [name_of(service) for service in services], until)
        written = {
            "tls.crt": certificate,
            "tls.key": key,
            "ca.crt": b"".join(one.pem for one in trusts or (self,)),
        }
        for name, content in written.items():
            draft = folder / f".{name}"
            draft.write_bytes(content)
            draft.replace(folder / name)
        return folder


def trust(folder: Path, *authorities: Authority) -> None:
    """Says anew whom the owner of a folder trusts."""
    (folder / ".ca.crt").write_bytes(b"".join(one.pem for one in authorities))
    (folder / ".ca.crt").replace(folder / "ca.crt")


def _draft(key: ec.EllipticCurvePrivateKey, until: datetime | None = None) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, until or now) - DAY)
        .not_valid_after(until or now + DAY)
    )
