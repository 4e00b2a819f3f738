"""The generator of the facts in `driftgate/data`."""
