"""Certificates for tests: self-signed, and of an authority of one's own."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


class Signed(NamedTuple):
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def issue(*hosts: str, by: Signed | None = None, is_authority: bool = False, name: str = "spillover test") -> Signed:
    """A certificate for these names and addresses, signed by another one or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False
        )
    return Signed(builder.sign(by.key if by else key, hashes.SHA256()), key)


def write(signed: Signed, certificate: Path, key: Path, passphrase: bytes | None = None) -> None:
    """Both as PEM files."""
    certificate.write_bytes(signed.certificate.public_bytes(Encoding.PEM))
    lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    key.write_bytes(signed.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))


def self_signed(certificate: Path, key: Path, passphrase: bytes | None = None) -> Signed:
    """A certificate of this machine that nobody else vouches for, in two files."""
    signed = issue("localhost", "127.0.0.1")
    write(signed, certificate, key, passphrase)
    return signed


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
