"""Development tools that are not part of the driftgate package."""
