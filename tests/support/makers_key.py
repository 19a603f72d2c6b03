"""A maker's key for content credentials, by an authority that nobody knows, and files signed by C2PA's own library."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from registry.core.signals.emit.credentials import SigningKey


def makers_key() -> SigningKey:
    """A new one, as C2PA's certificate profile wants it."""
    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begin = datetime(2026, 1, 1, tzinfo=UTC)

    def certificate(name: str, public: ec.EllipticCurvePublicKey, *, ca: bool) -> bytes:
        names = [
            x509.Name(
                [x509.NameAttribute(NameOID.COMMON_NAME, n), x509.NameAttribute(NameOID.ORGANIZATION_NAME, n)]
            )
            for n in (name, "Authority")
        ]
        usage = [not ca, False, False, False, False, ca, ca, False, False]
        made = (
            x509.CertificateBuilder()
            .subject_name(names[0])
            .issuer_name(names[1])
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=36_500))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(x509.KeyUsage(*usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False
            )
        )
        if not ca:
            made = made.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
        return made.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    private = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = certificate("Maker", own.public_key(), ca=False) + certificate(
        "Authority", authority.public_key(), ca=True
    )
    return SigningKey(private, chain)


def signed(
    data: bytes, media_type: str, label: str, entries: dict[str, dict[str, str]], key: SigningKey
) -> bytes:
    """A file with a mining assertion, without any part of ours."""
    import c2pa

    manifest = {
        "claim_generator_info": [{"name": "test"}],
        "assertions": [{"label": label, "data": {"entries": entries}}],
    }
    info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=key.certificates, private_key=key.private, ta_url=None)
    out = io.BytesIO()
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(json.dumps(manifest)) as builder:
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        builder.sign(signer, media_type, io.BytesIO(data), out)
    return out.getvalue()
