"""What labs report: filter runs and the works they used under licence, one log leaf a claim batch."""
