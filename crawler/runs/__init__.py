"""The papers of a run: verdicts, codes, manifest; how an unfinished run is kept, and how a finished one is verified."""
