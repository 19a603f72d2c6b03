"""What parties hand each other and later rely on: leaves, claim rows, run manifests, receipts; canonical JSON."""
