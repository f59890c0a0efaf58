"""TLS on both sides: contexts, their reload, and the facts of a connection for the record.

A certificate that cannot be read at reload is refused and the old one stays in use.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from gateway.config import Config, ConfigError, Route, Tls, TlsMode
from gateway.message.envelope import TlsFacts


def server_context(settings: Tls) -> ssl.SSLContext:
    """The context offered to clients. Raises ConfigError naming the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"tls.certificate {settings.certificate}, tls.key {settings.key}: "
            f"expected a PEM certificate chain and its key: {error}"
        ) from error
    return context


def client_context(route: Route) -> ssl.SSLContext | None:
    """The context for a route's next hops; None where TLS is off. Raises ConfigError naming the file."""
    if route.tls == TlsMode.OFF:
        return None
    try:
        context = ssl.create_default_context(cafile=str(route.ca_file) if route.ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"route.ca_file {route.ca_file}: expected PEM certificates: {error}") from error
    # Python 3.13 turned on what authorities made by hand often lack (an authority key identifier, RFC 5280 §4.2.1.1):
    # a new Python shall not stop a district's mail.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if route.tls == TlsMode.OPPORTUNISTIC:
        # RFC 7435: encryption without proof of identity is better than none.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def certificate_expiry(path: Path) -> datetime:
    """When the first certificate of a PEM file expires (UTC). Raises ConfigError naming the file."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc.astimezone(UTC)
    except (OSError, ValueError) as error:
        raise ConfigError(f"tls.certificate {path}: expected a PEM certificate: {error}") from error


def facts(ssl_object: ssl.SSLObject | None) -> TlsFacts | None:
    """What was negotiated, None for plain text."""
    cipher = ssl_object.cipher() if ssl_object else None
    if ssl_object is None or cipher is None:
        return None
    return TlsFacts(version=ssl_object.version() or "TLS", cipher=cipher[0], bits=cipher[2] or 0)


class ServerTls:
    """The context in use for new handshakes; `reload` swaps it."""

    def __init__(self, config: Config) -> None:
        self._settings = config.tls
        self.context = server_context(config.tls) if config.tls else None

    def reload(self) -> None:
        """Read the files again. Raises ConfigError, and the old certificate stays in use."""
        if self._settings is not None:
            self.context = server_context(self._settings)
