"""Makes an authority, a certificate per server, and the issuer's keys, once: what is there stays.

`python certificates.py FOLDER KEYS`: a server's key is readable by that server's group only, what is in KEYS by the
issuer alone. Where an installation has an authority already, its files take the place of these: `ca.pem`, and per
server `NAME.pem` (key and certificate), `NAME.key`, `NAME.crt`.
"""

import ipaddress
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVERS: Final = {"kafka": 1000, "postgres": 999}
"""Each with the group its server runs as."""
ISSUER: Final = "issuer"
ISSUERS_USER: Final = 10001
LIFETIME: Final = timedelta(days=825)


def main(arguments: list[str]) -> int:
    """0 = they are there."""
    folder, keys = Path(arguments[0]), Path(arguments[1])
    for one in (folder, keys):
        one.mkdir(parents=True, exist_ok=True)
    if not (folder / "ca.pem").exists():
        make(folder, keys)
    print(f"certificates of {', '.join(SERVERS)} are in {folder}")
    return 0


def make(folder: Path, keys: Path) -> None:
    """The authority's own key is used here and kept nowhere; its certificate is written last."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Flacon's own authority")])
    authority = (
        _begun(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    for server, group in SERVERS.items():
        _make_server(folder, server, group, name, key)
    _make_issuer(keys, name, key)
    (folder / "ca.pem").write_bytes(authority.public_bytes(Encoding.PEM))


def _make_server(folder: Path, server: str, group: int, issuer: x509.Name, signing: ec.EllipticCurvePrivateKey) -> None:
    secret, told = _certified(server, issuer, signing)
    (folder / f"{server}.crt").write_bytes(told)
    for name, content in ((f"{server}.key", secret), (f"{server}.pem", secret + told)):
        path = _kept(folder / name, content)
        if os.geteuid() == 0:
            os.chown(path, 0, group)
            path.chmod(0o640)


def _make_issuer(folder: Path, issuer: x509.Name, signing: ec.EllipticCurvePrivateKey) -> None:
    """Its certificate, and the key that signs tokens."""
    secret, told = _certified(ISSUER, issuer, signing)
    tokens = _secret(ec.generate_private_key(ec.SECP256R1()))
    for name, content in (("issuer.crt", told), ("issuer.key", secret), ("tokens.key", tokens)):
        path = _kept(folder / name, content)
        if os.geteuid() == 0:
            os.chown(path, ISSUERS_USER, ISSUERS_USER)


def _kept(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def _secret(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certified(server: str, issuer: x509.Name, signing: ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    """A new key and its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(server), x509.DNSName("localhost")]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, server)])
    certificate = (
        _begun(subject, issuer, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(signing, hashes.SHA256())
    )
    return _secret(key), certificate.public_bytes(Encoding.PEM)


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
