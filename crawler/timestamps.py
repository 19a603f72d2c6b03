"""Time-stamps (RFC 3161): an authority's word, signed, that a file was there at a time.

A receipt says that the log holds an entry, and its `ts` is only the registry's own clock. A time-stamp over the
receipt, by an authority that a court knows, proves that the entry was there no later. It is made over the whole file
and kept beside it; the registry has no part in it.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import rfc3161_client
import urllib3
from cryptography import x509

from crawler.connections import check_address, pool, user_agent
from registry.core.errors import InvalidInput, NetworkFailed, VerificationFailed

SUFFIX = ".tsr"
_MAX_BYTES = 1 << 20
_TIMEOUT = urllib3.Timeout(connect=10, read=30)


def obtain(authority_url: str, data: bytes) -> bytes:
    """The authority's response for these bytes, of which it learns the SHA-256 only; not verified yet."""
    check_address(authority_url)
    request = rfc3161_client.TimestampRequestBuilder().data(data).build()
    headers = {"Content-Type": "application/timestamp-query", "User-Agent": user_agent()}
    try:
        response = pool(authority_url).request(
            "POST",
            authority_url,
            body=request.as_bytes(),
            headers=headers,
            timeout=_TIMEOUT,
            retries=False,
            preload_content=False,
        )
        with response:
            answer = response.read(_MAX_BYTES + 1)
    except urllib3.exceptions.HTTPError as problem:
        raise NetworkFailed(f"{authority_url} cannot be reached.", url=authority_url) from problem
    if response.status != 200 or len(answer) > _MAX_BYTES:
        raise NetworkFailed(f"{authority_url} gave no time-stamp (HTTP status {response.status}).")
    stamp = _read(answer)
    if stamp.tst_info.nonce != request.nonce:
        raise VerificationFailed("The time-stamp is not the answer to what was asked.")
    return answer


def proved_time(stamp: bytes, data: bytes, roots: Path) -> int:
    """When the authority saw these bytes, in POSIX seconds; `VerificationFailed` if it does not prove that.

    `roots`: the certificates, in PEM, of the authorities that you trust.
    """
    try:
        trusted = x509.load_pem_x509_certificates(roots.read_bytes())
    except ValueError as problem:
        raise InvalidInput(f"{roots} holds no certificates (PEM).") from problem
    builder = rfc3161_client.VerifierBuilder()
    for certificate in trusted:
        builder = builder.add_root_certificate(certificate)
    response = _read(stamp)
    try:
        builder.build().verify_message(response, data)
    except (rfc3161_client.VerificationError, ValueError) as problem:
        raise VerificationFailed(f"The time-stamp does not verify: {problem}.") from problem
    return int(response.tst_info.gen_time.replace(tzinfo=UTC).timestamp())


def _read(stamp: bytes) -> rfc3161_client.TimeStampResponse:
    try:
        return rfc3161_client.decode_timestamp_response(stamp)
    except ValueError as problem:
        raise VerificationFailed("This is no time-stamp (RFC 3161).") from problem
