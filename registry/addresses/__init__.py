"""Proving that mail to an address is read by whoever has the account, and getting in again by that."""
