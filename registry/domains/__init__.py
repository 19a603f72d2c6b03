"""Domains: who controls them, proved by a file or a DNS record and checked again; addresses that follow from it."""
