"""All schemas of an environment: which one an object has, what it breaks of it, and which objects have none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from driftgate.facts import kinds
from driftgate.schemas.custom import CustomKind, SchemaFileError, kinds_in, shipped_kinds
from driftgate.schemas.hints import Hint, right_place
from driftgate.schemas.kubernetes import Kubernetes, bundled_versions, is_built_in
from driftgate.schemas.structural import Acceptor, Fault, Rules, Schema

__all__ = ["ApiFault", "KindSchema", "SchemaFileError", "Schemas"]


@dataclass(frozen=True, slots=True)
class ApiFault:
    """What is wrong with an `apiVersion`: not served at all, or served and deprecated."""

    served: bool
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class KindSchema:
    """The schema of one kind, whose it is in words, and the rules by which it is read."""

    schema: Schema
    origin: str
    rules: Rules
    accepts: Acceptor


class Schemas:
    """The schemas of one environment.

    `kubernetes_version` is what policy names, "" for the newest release that is bundled. `served` are API versions
    (`group/version` or `group/version/Kind`) that the cluster serves besides, as policy tells. Schemas of the
    environment itself are added by `add`, the ones that count most first; where several describe a kind, as for
    several clusters, an object that one of them accepts is in order.
    """

    def __init__(self, kubernetes_version: str = "", served: Iterable[str] = ()) -> None:
        self.kubernetes = Kubernetes(kubernetes_version)
        self._served = frozenset(served)
        self._custom: dict[tuple[str, str], list[CustomKind]] = {}
        self._found: dict[tuple[str, str], tuple[KindSchema, ...]] = {}
        self._api_faults: dict[tuple[str, str], ApiFault | None] = {}
        self._rules: dict[int, Rules] = {0: Rules(self.kubernetes.named)}
        # By identity; the document is kept with it, so that its identity stays its own.
        self._judged: dict[int, tuple[Any, tuple[Fault, ...]]] = {}

    def add(self, document: Any, file: str) -> None:
        """Take in a CRD or a JSON Schema; SchemaFileError for anything else."""
        for kind in kinds_in(document, file):
            self._custom.setdefault((kind.api_version, kind.kind.casefold()), []).append(kind)
        self._found.clear()
        self._api_faults.clear()

    def kind(self, api_version: str, kind: str) -> tuple[KindSchema, ...]:
        """The schemas that a kind may be held to; empty where there is none."""
        key = (api_version, kind)
        if key not in self._found:
            self._found[key] = tuple(self._schemas(api_version, kind))
        return self._found[key]

    def has(self, api_version: str, kind: str) -> bool:
        """Whether there is a schema for a kind."""
        return bool(self.kind(api_version, kind))

    def _schemas(self, api_version: str, kind: str) -> list[KindSchema]:
        own = self._of_tree(api_version, kind)
        if own:
            return [self._custom_schema(entry) for entry in own]
        built_in = self.kubernetes.kind(api_version, kind)
        if built_in is not None:
            rules = self._rules[0]
            origin = f"Kubernetes {self.kubernetes.version}"
            return [KindSchema(built_in, origin, rules, rules.acceptor(built_in))]
        shipped = shipped_kinds(api_version.rpartition("/")[0], kind)
        return [self._custom_schema(one) for one in shipped if one.api_version == api_version]

    def _of_tree(self, api_version: str, kind: str) -> list[CustomKind]:
        found = self._custom.get((api_version, kind.casefold()), [])
        # A collection of JSON Schemas writes kinds in lower case; a CRD writes them as they are.
        return [one for one in found if one.kind in (kind, kind.casefold())]

    def _custom_schema(self, kind: CustomKind) -> KindSchema:
        shared = kind.shared
        if id(shared) not in self._rules:
            self._rules[id(shared)] = Rules(self._named_by(shared))
        rules = self._rules[id(shared)]
        return KindSchema(kind.schema, kind.origin, rules, rules.acceptor(kind.schema))

    def _named_by(self, shared: Mapping[str, Schema] | None) -> Any:
        if shared is None:
            return self.kubernetes.named
        return lambda name: shared[name] if name in shared else self.kubernetes.named(name)

    def faults(self, document: dict[str, Any]) -> tuple[Fault, ...]:
        """What an object breaks of its schema; nothing for one that has none. Asked again, it costs nothing."""
        known = self._judged.get(id(document))
        if known is None:
            known = self._judged[id(document)] = (document, self._faults(document))
        return known[1]

    def _faults(self, document: dict[str, Any]) -> tuple[Fault, ...]:
        schemas = self._schemas_of(document)
        if not schemas or any(one.accepts(document) for one in schemas):
            return ()
        return tuple(schemas[0].rules.faults(schemas[0].schema, document))

    def _schemas_of(self, document: Mapping[str, Any]) -> tuple[KindSchema, ...]:
        api_version, kind = document.get("apiVersion"), document.get("kind")
        return self.kind(api_version, kind) if isinstance(api_version, str) and isinstance(kind, str) else ()

    def origin(self, document: Mapping[str, Any]) -> str:
        """Whose schema an object is held to, such as `Kubernetes 1.34`; empty where there is none."""
        return next((one.origin for one in self._schemas_of(document)), "")

    def hint(self, document: Mapping[str, Any], fault: Fault) -> Hint:
        """Where a field that is unknown belongs, and since or until when it is known."""
        found = self._schemas_of(document)
        return right_place(found[0].schema, found[0].rules, self.kubernetes, document, fault) if found else Hint()

    def api_fault(self, api_version: str, kind: str) -> ApiFault | None:
        """What is wrong with the API version of an object; None for one that is served, or may be for all we know."""
        key = (api_version, kind)
        if key not in self._api_faults:
            self._api_faults[key] = self._api_fault(api_version, kind)
        return self._api_faults[key]

    def _api_fault(self, api_version: str, kind: str) -> ApiFault | None:
        if {api_version, f"{api_version}/{kind}"} & self._served:
            return None
        group = api_version.rpartition("/")[0]
        custom = self._custom_fault(group, api_version, kind)
        if custom is not None or not is_built_in(group):
            return custom
        return self._built_in_fault(api_version, kind)

    def _custom_fault(self, group: str, api_version: str, kind: str) -> ApiFault | None:
        of_tree = [one for entries in self._custom.values() for one in entries if one.kind == kind]
        of_tree = [one for one in of_tree if one.api_version.rpartition("/")[0] == group]
        known = of_tree or list(shipped_kinds(group, kind))
        served = list(dict.fromkeys(one.api_version for one in known if one.served))
        if not known or api_version in served:
            return None
        stale = any(one.api_version == api_version for one in known)
        verb = "no longer serves" if stale else "has no version"
        # The operator that runs may be of another release than the one whose schemas come with driftgate.
        return ApiFault(not of_tree, f"{known[0].origin} {verb} {api_version}", " or ".join(served))

    def _built_in_fault(self, api_version: str, kind: str) -> ApiFault | None:
        kubernetes, life = self.kubernetes, self.kubernetes.life_cycle(api_version, kind)
        real = kubernetes.real_minor
        instead = life.replacement.rpartition("/")[0] or " or ".join(kubernetes.kinds_called(kind)[:1])
        if self.kind(api_version, kind) and not (life.removed is not None and life.removed <= real):
            if life.deprecated is None or life.deprecated > real or not instead or instead == api_version:
                return None
            return ApiFault(True, f"{api_version} {kind} is deprecated since 1.{life.deprecated}", instead)
        if life.removed is not None and life.removed <= real:
            if not kubernetes.is_named and life.removed > bundled_versions()[0]:
                found = f"{api_version} {kind} is served up to 1.{life.removed - 1}, and policy names no version"
                return ApiFault(True, found, instead or "another kind, which depends on what it is for")
            found = f"{api_version} {kind} is served up to 1.{life.removed - 1}, and this is 1.{real}"
            return ApiFault(False, found, instead or "another kind, which depends on what it is for")
        if life.introduced is not None and life.introduced > real:
            others = [version for version in kubernetes.kinds_called(kind) if version != api_version]
            found = f"{api_version} {kind} is served from 1.{life.introduced} on, and this is 1.{real}"
            return ApiFault(False, found, others[0] if others else f"Kubernetes 1.{life.introduced}")
        if real != kubernetes.minor or self._is_not_stored(api_version, kind):
            return None
        return self._never_there(api_version, kind)

    @staticmethod
    def _is_not_stored(api_version: str, kind: str) -> bool:
        """Whether it is a kind without schema here: what is only posted, such as an Eviction, or a List."""
        group, _, version = api_version.rpartition("/")
        known = kinds().get((group, kind))
        return kind.endswith("List") or (known is not None and version in known.versions)

    def _never_there(self, api_version: str, kind: str) -> ApiFault:
        found = f"{api_version} has no {kind} in Kubernetes 1.{self.kubernetes.real_minor}"
        homes = self.kubernetes.kinds_called(kind)
        if homes:
            return ApiFault(False, found, " or ".join(homes))
        near = _nearest(kind, self.kubernetes.kinds_of(api_version))
        return ApiFault(False, found, f"kind {near}" if near else "an API version and kind that are served")


def _nearest(name: str, names: list[str]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(name, names, n=1)), "")
