"""How alike two environments are: names without the environment's word, and the structure of two objects."""

from driftgate.parity.names import Names
from driftgate.parity.structure import Difference, differences

__all__ = ["Difference", "Names", "differences"]
