"""The live check: one item, or ten thousand codes, against everything on record this second."""
