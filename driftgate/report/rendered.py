"""What an Application renders to, as YAML for a person."""

from __future__ import annotations

from typing import Any

import yaml

from driftgate.model.environment import LoadedApplication
from driftgate.model.secret import SecretValue
from driftgate.report.terminal import printable

__all__ = ["rendered_text"]


def rendered_text(loaded: LoadedApplication) -> str:
    """Every rendered object with the template it came from; what could not be rendered as a comment."""
    parts = []
    for render in loaded.renders:
        for problem in render.problems:
            parts.append(printable(f"# {problem.place}: {problem.fault}: {problem.found}") + "\n")
        for manifest in render.manifests:
            body = yaml.dump(_printable(manifest.object), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
            lines = "\n".join(map(printable, body.split("\n")))
            parts.append(f"---\n# {printable(manifest.template)}\n{lines}")
    return "".join(parts)


class _Dumper(yaml.SafeDumper):
    """Writes texts that a terminal would not show as they are in double quotes, where an escape means the character."""

    def text(self, text: str) -> yaml.ScalarNode:
        unseen = any(printable(line) != line for line in text.split("\n"))
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if unseen else None)


_Dumper.add_representer(str, _Dumper.text)


def _printable(value: Any) -> Any:
    if isinstance(value, SecretValue):
        return "" if value.empty else repr(value)
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value
