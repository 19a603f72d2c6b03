"""Page furniture: layout, static files, languages, and the start page with “check a picture”."""
