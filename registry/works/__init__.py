"""Works: registration, versions and their fingerprints, shares, identifiers, reservations, contested titles."""
