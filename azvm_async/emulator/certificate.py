"""TLS for one server: a certificate for loopback, and the file of the authority that clients are to trust.

Both are made when a server starts and are worth nothing elsewhere: the authority may vouch for loopback alone, for a
month, and its key is never written down. The server's own key is in a private file while it is loaded, for OpenSSL takes
it from nowhere else.
"""

import ssl
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_BEFORE = timedelta(days=1)
_AFTER = timedelta(days=30)
_NAMES = ("127.0.0.1", "::1", "localhost")


class Tls:
    """A server's TLS.

    Parameters
    ----------
    host : str
        What clients call the server, beside the usual names of loopback.
    now : datetime
        The real time, by which clients judge.

    Attributes
    ----------
    context : ssl.SSLContext
        For the server.
    ca_file : Path
        The authority's certificate, in a private directory, until :meth:`close`.
    """

    def __init__(self, host: str, now: datetime) -> None:
        authority_key, key = _new_key(), _new_key()
        authority = _authority(authority_key, now)
        certificate = _certificate(key, authority, authority_key, dict.fromkeys((*_NAMES, host)), now)
        self._folder = TemporaryDirectory(prefix="azvm-emulator-")
        self.ca_file = Path(self._folder.name, "ca.pem")
        self.ca_file.write_bytes(authority.public_bytes(Encoding.PEM))
        self.context = _context(certificate, key, Path(self._folder.name))

    def close(self) -> None:
        """Remove the file."""
        self._folder.cleanup()


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """Return the certificate of an authority for loopback."""
    name = _named("azvm_async emulator, authority for loopback")
    loopback = [x509.IPAddress(ip_network(network)) for network in ("127.0.0.0/8", "::1/128")]
    return (
        _begun(key, name, name, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints([x509.DNSName("localhost"), *loopback], None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    names: dict[str, None],
    now: datetime,
) -> x509.Certificate:
    """Return the server's certificate."""
    return (
        _begun(key, _named("azvm_async emulator"), authority.subject, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _begun(
    key: ec.EllipticCurvePrivateKey, name: x509.Name, issuer: x509.Name, by: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    """Return what the two certificates have in common; strict checks want both key identifiers."""
    return (
        x509.CertificateBuilder(
            issuer, name, key.public_key(), x509.random_serial_number(), now - _BEFORE, now + _AFTER
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Return what a key is for: the authority's signs certificates, the server's its handshakes."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    return x509.DNSName(name) if name == "localhost" else x509.IPAddress(ip_address(name))


def _context(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    file = folder / "key.pem"
    file.touch(mode=0o600, exist_ok=False)
    try:
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        context.load_cert_chain(file)
    finally:
        file.unlink()
    return context
