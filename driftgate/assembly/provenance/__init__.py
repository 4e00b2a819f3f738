"""What the lines of Helm values do, found by effect: change a line, render again, look at what has changed."""

from driftgate.assembly.provenance.blame import ABSENT, Blame, FieldBlame, Line, Otherwise, blamed
from driftgate.assembly.provenance.origin import OriginFinder
from driftgate.assembly.provenance.prober import ValuesProber

__all__ = ["ABSENT", "Blame", "FieldBlame", "Line", "OriginFinder", "Otherwise", "ValuesProber", "blamed"]
