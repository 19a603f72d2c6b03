"""Ways to run a filter. The result is the same for each; only where the work is done differs."""
