"""Who may say what the registry says: signed metadata by The Update Framework, its keys, and its publisher."""

from registry.core.snapshots.trust.ceremony import init_trust
from registry.core.snapshots.trust.chain import ROLES, Chain, verify_chain
from registry.core.snapshots.trust.publisher import Published, Publisher

__all__ = ["ROLES", "Chain", "Published", "Publisher", "init_trust", "verify_chain"]
