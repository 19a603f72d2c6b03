"""What domains do, for their views, the worker and other rooms: claims, proofs, and the address codes in force.

What other rooms use: `address_codes` (publishing, checking). What the worker uses: `recheck_domains`.
"""

from __future__ import annotations

from registry.domains.claims import ClaimDomain, claim_domain, end_claim, list_claims, own_claim, views
from registry.domains.codes import address_codes
from registry.domains.jobs import recheck_domains
from registry.domains.models import DomainClaim
from registry.domains.probing import Prober
from registry.domains.proving import prove

__all__ = [
    "ClaimDomain",
    "DomainClaim",
    "Prober",
    "address_codes",
    "claim_domain",
    "end_claim",
    "list_claims",
    "own_claim",
    "prove",
    "recheck_domains",
    "views",
]
