"""A transparency log that outsiders' programs can check: RFC 6962 tree, C2SP notes, checkpoints, tiles, proofs."""
