"""The usage log: one append-only sequence of what was reported, licensed, published and settled, provable to anyone."""
