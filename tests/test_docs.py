"""What is written down is what the commands print."""

from __future__ import annotations

from tools import docs


def test_generated_documents_are_current() -> None:
    """The catalogue, the policy schema and every output shown in the README are what the commands print today."""
    assert [path.name for path in docs.stale()] == []


def test_the_readme_shows_real_runs() -> None:
    """The README holds a green run, a finding, the help, an explanation, a change, causes and the order."""
    text = (docs.ROOT / "README.md").read_text(encoding="utf-8")
    commands = [match["command"].strip().split()[1] for match in docs.BLOCK.finditer(text)]
    assert commands == [*["check"] * 3, "explain", "check", *["blame"] * 5, "waves"]
    assert text.count("```console\n$ driftgate") == len(commands)
