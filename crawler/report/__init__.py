"""The run as a page that people read: one file, no script, no request to anybody, made from the papers."""
