"""Licences, the only thing that permits: tariffs, offers (terms for anyone or for named licensees), agreements."""
