"""Who a process is for the others: a certificate with the DNS name `<service>.ringline.internal` for each of
its services, in a folder as cert-manager writes it (`tls.crt`, `tls.key`, `ca.crt`). Beside them may be
`others.crt`: authorities trusted as well, while one is changed; cert-manager names the one that signed.

The files may change at any time. A process looks once a second, and a server at every handshake. What does
not fit together, such as a key that is written before its certificate, is passed over until it does; and so
is a certificate with which nobody would speak to this process: of somebody else, or not good now.
"""

import asyncio
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from prometheus_client import Gauge

from ringline.telemetry import log

DOMAIN = "ringline.internal"
LOOK_SECONDS = 1.0
FILES = ("tls.crt", "tls.key", "ca.crt")
OTHERS = "others.crt"

EXPIRES = Gauge(
    "ringline_certificate_expires_timestamp_seconds", "When the certificate of this process expires."
)


def name_of(service: str) -> str:
    """The DNS name by which a service, or the operator, is known."""
    return f"{service}.{DOMAIN}"


def is_known_as(peer: Mapping[str, Iterable[bytes]], service: str) -> bool:
    """Whether the certificate of a peer (gRPC's auth context) has the name of `service`."""
    return name_of(service).encode() in (peer.get("peer_dns") or ())


@dataclass(frozen=True)
class Papers:
    """What the files say: PEM, and the DNS names of the certificate."""

    chain: bytes
    key: bytes
    roots: bytes
    names: frozenset[str]
    begins_at: float
    """Unix seconds."""
    expires_at: float
    """Unix seconds."""


class Identity:
    """The certificate of this process. Raises ValueError where the folder has none that is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()  # gRPC asks from threads of its own
        self._looked = time.monotonic()
        self._needed: frozenset[str] = frozenset()
        self._passed_over: object = None
        try:
            self._seen = self._signature()
            self._papers = _read(folder)
        except (OSError, ValueError) as problem:
            raise ValueError(f"no certificate in {folder}: {problem}") from problem
        EXPIRES.set(self._papers.expires_at)

    @classmethod
    def of(cls, tls_dir: str) -> "Identity | None":
        """That of the folder; None where none is configured: then nothing between services is encrypted."""
        return cls(Path(tls_dir)) if tls_dir else None

    def insist(self, services: Iterable[str]) -> None:
        """Raises ValueError where the certificate lacks the name of one of these services."""
        self._needed = frozenset(name_of(service) for service in services)
        if missing := sorted(self._needed - self._papers.names):
            raise ValueError(f"the certificate in {self.folder} is not of {', '.join(missing)}")

    def papers(self) -> Papers:
        """What the files said at most a second ago; the same object for as long as they say the same."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self.look()
        return self._papers

    async def keep(self) -> None:
        """Looks at the files for ever, so that what they say is known where nobody connects, too."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def server_credentials(self) -> grpc.ServerCredentials:
        """For a server: it shows this certificate, and lets in whom one of the roots has signed."""
        given = self._papers

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            nonlocal given
            self.look()
            if self._papers is given:
                return None
            given = self._papers
            return _configuration(given)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(given),
            fetch,  # type: ignore[arg-type]  # None means that nothing has changed
            require_client_authentication=True,
        )

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """For a channel, together with `options`: the certificate and the roots of now."""
        papers = self.papers()
        return grpc.ssl_channel_credentials(papers.roots, papers.key, papers.chain)

    def look(self) -> None:
        """Reads the files again where they have changed."""
        with self._lock:
            self._looked = time.monotonic()
            try:
                seen = self._signature()
                if seen == self._seen:
                    return
                papers = _read(self.folder)
                if self._signature() != seen:  # it was being written: at the next look
                    return
            except (OSError, ValueError) as problem:
                log(__name__).warning("certificate cannot be read", problem=type(problem).__name__)
                return
            if not (self._needed <= papers.names and papers.begins_at <= time.time() < papers.expires_at):
                if self._passed_over != seen:  # once, and not every second until somebody mends it
                    log(__name__).warning("certificate is not taken over: of somebody else, or not good now")
                self._passed_over = seen
                return
            self._seen, self._papers = seen, papers
            EXPIRES.set(papers.expires_at)
        log(__name__).info("certificate taken over")

    def _signature(self) -> list[tuple[int, int, int]]:
        there = (*FILES, *((OTHERS,) if (self.folder / OTHERS).is_file() else ()))
        stats = [(self.folder / name).stat() for name in there]
        return [(one.st_ino, one.st_mtime_ns, one.st_size) for one in stats]


def options(service: str) -> tuple[tuple[str, Any], ...]:
    """Options of a channel to `service`: whatever the address, its certificate has the service's name."""
    return (("grpc.ssl_target_name_override", name_of(service)),)


def _configuration(papers: Papers) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(papers.key, papers.chain)], papers.roots)


def _read(folder: Path) -> Papers:
    """Raises OSError, or ValueError where something is not PEM or the key is another one's."""
    try:
        return _parse(folder)
    except (TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension) as unknown:
        raise ValueError("a certificate or key of a kind that is not known, or with a password") from unknown


def _parse(folder: Path) -> Papers:
    chain, key, roots = ((folder / name).read_bytes() for name in FILES)
    certificate = x509.load_pem_x509_certificates(chain)[0]
    x509.load_pem_x509_certificates(roots)
    if (folder / OTHERS).is_file():
        others = (folder / OTHERS).read_bytes()
        x509.load_pem_x509_certificates(others)
        roots = roots.rstrip() + b"\n" + others
    if load_pem_private_key(key, None).public_key() != certificate.public_key():
        raise ValueError("the key is not that of the certificate")
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = alternative.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    begins_at = certificate.not_valid_before_utc.timestamp()
    expires_at = certificate.not_valid_after_utc.timestamp()
    return Papers(chain, key, roots, frozenset(names), begins_at, expires_at)
