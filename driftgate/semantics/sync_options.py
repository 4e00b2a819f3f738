"""The sync options that Argo CD reads, and what it makes of a given text.

Source: Argo CD ``controller/sync.go``, ``controller/state.go``, ``gitops-engine/pkg/sync`` and
``docs/user-guide/sync-options.md``. In ``syncPolicy.syncOptions`` an option counts only as the exact text; in
the annotation on a resource the list is split at commas and trimmed first. Everything else is ignored without
a word.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum

SYNC_OPTIONS_ANNOTATION = "argocd.argoproj.io/sync-options"


@dataclass(frozen=True, slots=True)
class SyncOption:
    """One option of Argo CD."""

    name: str
    #: Values that change something in the list of an Application; empty where the option has no effect there.
    application_values: tuple[str, ...] = ()
    #: Values that change something in the annotation of a resource.
    resource_values: tuple[str, ...] = ()
    #: Values that state what holds anyway.
    default_values: tuple[str, ...] = ()
    #: The release line that first read the option on an Application; None when every supported one does.
    application_since: str | None = None
    #: What to know about it, as part of a sentence.
    note: str = ""

    @property
    def values(self) -> tuple[str, ...]:
        """Every value that is not a mistake somewhere, those that change something first."""
        return tuple(dict.fromkeys((*self.application_values, *self.resource_values, *self.default_values)))


_TRUE, _FALSE = ("true",), ("false",)
_GUARDED = ("false", "confirm")

SYNC_OPTIONS: tuple[SyncOption, ...] = (
    SyncOption("ApplyOutOfSyncOnly", _TRUE, (), _FALSE, note="hooks still run"),
    SyncOption("ClientSideApplyMigration", _FALSE, (), _TRUE, "3.1", "counts only with server-side apply"),
    SyncOption("CreateNamespace", _TRUE, (), _FALSE, note="creates the destination namespace only"),
    SyncOption("Delete", _GUARDED, _GUARDED, _TRUE, "3.4", "on deletion of the Application; a resource's own wins"),
    SyncOption("FailOnSharedResource", _TRUE, (), _FALSE),
    SyncOption("Force", (), _TRUE, _FALSE, note="read from the annotation on a resource only"),
    SyncOption("Prune", _GUARDED, _GUARDED, _TRUE, "3.4", "the object stays OutOfSync; a resource's own wins"),
    SyncOption("PruneLast", _TRUE, _TRUE, _FALSE, note="on a resource it is read from the live object"),
    SyncOption("PrunePropagationPolicy", ("foreground", "background", "orphan"), note="foreground is the default"),
    SyncOption("Replace", _TRUE, _TRUE, _FALSE, note="wins over ServerSideApply"),
    SyncOption("RespectIgnoreDifferences", _TRUE, (), _FALSE, note="honours system rules too"),
    SyncOption("ServerSideApply", _TRUE, ("true", "false"), _FALSE, note="false on a resource opts out"),
    SyncOption("SkipDryRunOnMissingResource", _TRUE, _TRUE, _FALSE, "3.1"),
    SyncOption("Validate", _FALSE, _FALSE, _TRUE),
)
_BY_NAME = {option.name: option for option in SYNC_OPTIONS}


class OptionVerdict(StrEnum):
    """What Argo CD makes of the text of an option, apart from where it stands."""

    #: A known option with one of its values.
    KNOWN = "known"
    #: A known option that restates the default.
    DEFAULT = "default"
    #: A known option with a value that nothing reads.
    UNKNOWN_VALUE = "unknown value"
    #: No option of Argo CD, as written.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ParsedOption:
    """The text of one option, taken apart."""

    text: str
    name: str
    #: None when the text has no equals sign.
    value: str | None
    #: The option of that exact name; None when there is none.
    option: SyncOption | None
    verdict: OptionVerdict

    @property
    def acts_on_application(self) -> bool:
        """Whether the text changes anything in ``spec.syncPolicy.syncOptions``."""
        return self.option is not None and self.value in self.option.application_values

    @property
    def acts_on_resource(self) -> bool:
        """Whether the text changes anything in the sync-options annotation of a resource."""
        return self.option is not None and self.value in self.option.resource_values


def parse_option(text: str) -> ParsedOption:
    """Take one option apart, exactly as written: stray spaces and other capitals make it unknown."""
    name, equals, value = text.partition("=")
    option = _BY_NAME.get(name)
    return ParsedOption(
        text=text,
        name=name,
        value=value if equals else None,
        option=option,
        verdict=_verdict(option, value if equals else None),
    )


def _verdict(option: SyncOption | None, value: str | None) -> OptionVerdict:
    if option is None:
        return OptionVerdict.UNKNOWN
    if value in option.application_values or value in option.resource_values:
        return OptionVerdict.KNOWN
    return OptionVerdict.DEFAULT if value in option.default_values else OptionVerdict.UNKNOWN_VALUE


def nearest_option(text: str) -> str | None:
    """Return the option that the text was probably meant to be; None when it is one already, or like none.

    Spaces, capitals and ``:`` for ``=`` are forgiven first, then a few wrong letters in the name or the
    value.
    """
    if parse_option(text).verdict in {OptionVerdict.KNOWN, OptionVerdict.DEFAULT}:
        return None
    name, _, value = text.replace(":", "=").partition("=")
    names = {option.name.lower(): option for option in SYNC_OPTIONS}
    close_names = difflib.get_close_matches(name.strip().lower(), names, n=1, cutoff=0.75)
    if not close_names:
        return None
    option = names[close_names[0]]
    close_values = difflib.get_close_matches(value.strip().strip("\"'").lower(), option.values, n=1)
    return f"{option.name}={close_values[0] if close_values else option.values[0]}"
