from __future__ import annotations

import pytest

from driftgate.semantics.sync_options import (
    SYNC_OPTIONS,
    OptionVerdict,
    SyncOption,
    nearest_option,
    parse_option,
)


@pytest.mark.parametrize(
    ("text", "verdict", "application", "resource"),
    [
        ("CreateNamespace=true", OptionVerdict.KNOWN, True, False),
        ("CreateNamespace=false", OptionVerdict.DEFAULT, False, False),
        ("Validate=false", OptionVerdict.KNOWN, True, True),
        ("Validate=true", OptionVerdict.DEFAULT, False, False),
        ("PruneLast=true", OptionVerdict.KNOWN, True, True),
        ("PrunePropagationPolicy=foreground", OptionVerdict.KNOWN, True, False),
        ("PrunePropagationPolicy=Background", OptionVerdict.UNKNOWN_VALUE, False, False),
        ("ApplyOutOfSyncOnly=true", OptionVerdict.KNOWN, True, False),
        ("Replace=true", OptionVerdict.KNOWN, True, True),
        ("Replace=false", OptionVerdict.DEFAULT, False, False),
        ("Force=true", OptionVerdict.KNOWN, False, True),
        ("ServerSideApply=true", OptionVerdict.KNOWN, True, True),
        ("ServerSideApply=false", OptionVerdict.KNOWN, False, True),
        ("ClientSideApplyMigration=false", OptionVerdict.KNOWN, True, False),
        ("SkipDryRunOnMissingResource=true", OptionVerdict.KNOWN, True, True),
        ("RespectIgnoreDifferences=true", OptionVerdict.KNOWN, True, False),
        ("FailOnSharedResource=true", OptionVerdict.KNOWN, True, False),
        ("Prune=false", OptionVerdict.KNOWN, True, True),
        ("Prune=confirm", OptionVerdict.KNOWN, True, True),
        ("Prune=true", OptionVerdict.DEFAULT, False, False),
        ("Delete=confirm", OptionVerdict.KNOWN, True, True),
        ("Delete=never", OptionVerdict.UNKNOWN_VALUE, False, False),
        (" CreateNamespace=true", OptionVerdict.UNKNOWN, False, False),
        ("CreateNamespace=true ", OptionVerdict.UNKNOWN_VALUE, False, False),
        ("createNamespace=true", OptionVerdict.UNKNOWN, False, False),
        ("CreateNamespace", OptionVerdict.UNKNOWN_VALUE, False, False),
        ("CreateNamespace=True", OptionVerdict.UNKNOWN_VALUE, False, False),
        ("", OptionVerdict.UNKNOWN, False, False),
    ],
)
def test_parse_option(text: str, verdict: OptionVerdict, application: bool, resource: bool) -> None:
    """An option counts only as the exact text, and only where Argo CD reads it."""
    parsed = parse_option(text)
    assert (parsed.verdict, parsed.acts_on_application, parsed.acts_on_resource) == (
        verdict,
        application,
        resource,
    )


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        (" CreateNamespace=true", "CreateNamespace=true"),
        ("createNamespace=true", "CreateNamespace=true"),
        ("CreateNamespaces=true", "CreateNamespace=true"),
        ("CreateNamespace: true", "CreateNamespace=true"),
        ("CreateNamespace", "CreateNamespace=true"),
        ("ApplyOutOfSync=true", "ApplyOutOfSyncOnly=true"),
        ("PrunePropagationPolicy=Background", "PrunePropagationPolicy=background"),
        ("PrunePropogationPolicy=orphan", "PrunePropagationPolicy=orphan"),
        ("ServerSideAply=True", "ServerSideApply=true"),
        ("Validate=no", "Validate=false"),
        ("CreateNamespace=true", None),
        ("Prune=true", None),
        ("SomethingElse=true", None),
        ("", None),
    ],
)
def test_nearest_option(text: str, nearest: str | None) -> None:
    """A misspelt option is answered with the one that was meant, a correct one with nothing."""
    assert nearest_option(text) == nearest


@pytest.mark.parametrize("option", SYNC_OPTIONS, ids=lambda option: option.name)
def test_table(option: SyncOption) -> None:
    """Every value of the table is accepted as written, and its lower-case spelling leads back to it."""
    for value in option.values:
        assert parse_option(f"{option.name}={value}").option is option
        assert nearest_option(f"{option.name.lower()}={value}") == f"{option.name}={value}"


def test_since() -> None:
    """Options that only newer release lines read on an Application say so."""
    assert {option.name: option.application_since for option in SYNC_OPTIONS if option.application_since} == {
        "ClientSideApplyMigration": "3.1",
        "SkipDryRunOnMissingResource": "3.1",
        "Delete": "3.4",
        "Prune": "3.4",
    }
