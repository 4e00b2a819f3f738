"""From a tree and a policy to an environment that can be judged."""

from driftgate.assembly.load import Assembly, assemble

__all__ = ["Assembly", "assemble"]
