"""Publishing: the registry as signed files that a lab takes home."""
