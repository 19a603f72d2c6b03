"""Obtain opt-out evidence politely: from the web, from files, and from what was kept of an earlier time."""
