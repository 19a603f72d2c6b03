"""The whole chain, played through on one machine with real files and real processes."""
