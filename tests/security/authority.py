"""An authority of the tests' own, and servers' certificates, good and bad, that it signs."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """Signs certificates; whoever is to trust them is given its :attr:`file`."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self.file = folder / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self.file.write_bytes(self._signed(self._name, self._key, (-DAY, DAY), [], ca=True).public_bytes(Encoding.PEM))

    def server(self, names: Iterable[str] = ("127.0.0.1",), life: tuple[dt.timedelta, dt.timedelta] = (-DAY, DAY)):
        """Return the TLS of a server with a certificate for these names, valid in this time from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(_name("server"), key, life, names, ca=False)
        file = self.folder / f"{certificate.serial_number}.pem"
        own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(own + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(self, name, key, life, names, *, ca: bool) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        built = (
            x509.CertificateBuilder(self._name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now + life[0])
            .not_valid_after(now + life[1])
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names:
            built = built.add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), critical=False)
        if ca:
            built = built.add_extension(_signs(), critical=True)
        return built.sign(self._key, hashes.SHA256())


def _signs() -> x509.KeyUsage:
    others = dict.fromkeys(
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement encipher_only "
        "decipher_only".split(),
        False,
    )
    return x509.KeyUsage(**others, key_cert_sign=True, crl_sign=True)
