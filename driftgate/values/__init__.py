"""The values layers of one Helm source: which files and blocks, in which order, and where each leaf stands."""
