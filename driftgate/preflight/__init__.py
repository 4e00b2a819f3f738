"""Would this cluster take the deploy? Looked at before anything is changed."""

from driftgate.preflight.look import preflight
from driftgate.preflight.points import Delivery, Point, Preflight, State

__all__ = ["Delivery", "Point", "Preflight", "State", "preflight"]
