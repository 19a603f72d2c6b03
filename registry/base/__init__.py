"""What the rooms stand on: database, files, settings, HTTP furniture, authentication."""
