"""What a kind of object may hold: schemas of built-in and custom kinds, and what an object breaks of them."""

from driftgate.schemas.hints import Hint
from driftgate.schemas.index import ApiFault, KindSchema, SchemaFileError, Schemas
from driftgate.schemas.structural import Acceptor, Fault, FaultKind

__all__ = ["Acceptor", "ApiFault", "Fault", "FaultKind", "Hint", "KindSchema", "SchemaFileError", "Schemas"]
