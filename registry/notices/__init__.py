"""Telling people what happened to their works: on a page, and by mail if they like and there is a mail server."""
