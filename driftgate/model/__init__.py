"""The values that everything else is built on: standard library only, frozen, without input or output."""
