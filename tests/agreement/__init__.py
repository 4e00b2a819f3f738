"""driftgate's comparison held to Argo CD's own: pairs of objects, and the verdicts of both on each."""
