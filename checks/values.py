"""The values layers of Helm sources: lines that do nothing, files that nobody reads, texts of another environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, check, problem_result
from driftgate.model.environment import LayerKind, LoadedApplication, Render, ValuesLayer
from driftgate.model.manifest import Manifest, named_path
from driftgate.model.node import Duplicate, Node, Path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.policy import Section, setting
from driftgate.semantics.globs import doublestar_match
from driftgate.semantics.helm_values import printed_value, set_path
from driftgate.values.effect import effective_leaves, is_parameter, replaces

POLICY: dict[str, type[Section]] = {}


@dataclass(frozen=True, slots=True)
class AllowedText(Section):
    """A text that may hold another environment's token, and why."""

    text: str = field(metadata={"help": "The text, such as letsencrypt-prod; it counts as a whole word."})
    reason: str = field(metadata={"help": "Why it is right here."})


@dataclass(frozen=True, slots=True)
class Values(Section):
    """What the values of the environment may say, and which values files may lie unused."""

    unlisted_files_allowed: tuple[str, ...] | None = setting(
        None, "Globs of values files beside a used chart that no Application has to list; unset, none is looked for."
    )
    inline_shadows: bool = setting(
        False, "Whether values and valuesObject of an Application may not set what its values files set either."
    )
    environment_tokens: tuple[str, ...] = setting((), "Words that stand for this environment; never foreign.")
    foreign_tokens: tuple[str, ...] = setting((), "Words that stand for other environments, such as prod or dev.")
    allowed_foreign_tokens: tuple[AllowedText, ...] = setting((), "Texts with a foreign token that are right here.")


POLICY["values"] = Values


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def values_duplicate_key(subject: Subject) -> Iterator[Result]:
    """A values file sets one key twice

    Why: Helm keeps the last of two equal keys and drops the first without a word, a whole block with it where the key
    heads one (helm: pkg/chart/common/values.go). Whoever edits the first line changes nothing.

    Fix: Keep one of the two, and merge what stands below them.
    """
    found: dict[str, Breach] = {}
    applicable = False
    for label, layer in _layers(subject):
        applicable = True
        for duplicate in layer.duplicates:
            breach = _duplicate(label, layer, duplicate)
            found.setdefault(breach.field, breach)
    yield from found.values()
    if not applicable:
        yield NotApplicable()


def _layers(subject: Subject) -> Iterator[tuple[str, ValuesLayer]]:
    """Every layer that stands in the judged tree, with the Application that uses it; a fetched chart is not ours."""
    for loaded in subject.environment.applications:
        for render in loaded.renders:
            yield from ((loaded.label, layer) for layer in render.layers if layer.file in subject.environment.paths)
    for chart in subject.environment.charts:
        if chart.render is not None:
            yield from (("", layer) for layer in chart.render.layers)


def _duplicate(label: str, layer: ValuesLayer, duplicate: Duplicate) -> Breach:
    name = named_path(layer.node.plain(), duplicate.path)
    owner = f"{label} {layer.label}" if layer.kind is LayerKind.INLINE else layer.file
    exact = duplicate.second.exact
    first = Related(duplicate.first, "the first one, which is dropped")
    return Breach(
        duplicate.second if exact else layer.entry,
        f"{name} a second time",
        "each key once",
        field=f"{owner}:{name}",
        related=(first,) if exact else (),
    )


@check(severity=Severity.WARNING)
def parameter_shadows_layer(subject: Subject) -> Iterator[Result]:
    """A parameter of the Application replaces a line of its values file

    Why: Parameters come after every values file, so the file's line does nothing, today and after every edit to come;
    that both say the same now does not help whoever edits the file. A line that another Application reads, and a
    chart's own default, are there to be replaced and are not told (argo-cd: util/helm/cmd.go `template`).

    Fix: Delete the parameter and keep the value in the file, or delete the line from the file.
    """
    inline = subject.section(Values).inline_shadows
    shadowing = [LayerKind.PARAMETER, LayerKind.FILE_PARAMETER, *([LayerKind.INLINE] if inline else [])]
    pairs = [
        (render, upper, lower)
        for render in subject.app.renders
        for position, upper in enumerate(render.layers)
        if upper.kind in shadowing
        for lower in _own_files(subject, render.layers[:position])
    ]
    if not pairs:
        yield NotApplicable()
    for render, upper, lower in pairs:
        yield from _shadows(subject, render, upper, lower)


def _own_files(subject: Subject, layers: tuple[ValuesLayer, ...]) -> Iterator[ValuesLayer]:
    """The values files of the tree that a source lists, without the chart's own, which is there to be overridden."""
    defaults = {layer.file for layer in layers if layer.kind is LayerKind.CHART}
    for layer in layers:
        if (
            layer.kind is LayerKind.VALUE_FILE
            and layer.file not in defaults
            and layer.file in subject.environment.paths
        ):
            yield layer


def _shadows(subject: Subject, render: Render, upper: ValuesLayer, lower: ValuesLayer) -> Iterator[Result]:
    leaves = [(path, leaf) for path, leaf in lower.node.leaves() if path and replaces(upper, path, leaf)]
    dead = [(path, leaf) for path, leaf in leaves if not _read_elsewhere(subject, render, lower, path, leaf)]
    if not dead or len(dead) != len(leaves):
        return
    if is_parameter(upper):
        path = _shown_path(upper, lower, dead[0][0])
        yield _shadow(upper.entry, upper.text, lower, path)
        return
    for path, leaf in dead:
        place = upper.node.place_of(*path)
        yield _shadow(
            place if leaf.line and place.exact else upper.entry, named_path(lower.node.plain(), path), lower, path
        )


def _shown_path(upper: ValuesLayer, lower: ValuesLayer, leaf: Path) -> Path:
    """The block that a parameter replaces where the file has one, else the leaf."""
    target = set_path(upper.text) or leaf
    return target if lower.node.get(*target) is not None else leaf


def _shadow(place: Place, name: str, lower: ValuesLayer, path: Path) -> Breach:
    line = lower.node.place_of(*path)
    found = f"{name}, which {lower.file} sets as well"
    related = (Related(line, "the line that does nothing"),)
    return Breach(place, found, "one place for each value", field=f"{name} in {lower.label}", related=related)


def _read_elsewhere(subject: Subject, render: Render, layer: ValuesLayer, path: Path, leaf: Node) -> bool:
    """Whether the same line of the file counts in another source, so that it is a base to be overridden."""
    for loaded in subject.environment.applications:
        for other in loaded.renders:
            if other is render:
                continue
            for position, candidate in enumerate(other.layers):
                same = candidate.file == layer.file and not is_parameter(candidate)
                if same and not any(replaces(above, path, leaf) for above in other.layers[position + 1 :]):
                    return True
    return False


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def values_file_unlisted(subject: Subject) -> Iterator[Result]:
    """A values file beside a chart is read by no Application

    Why: Helm reads values.yaml by itself and every other file only where an Application lists it. A file with the right
    name and no reader looks like configuration and is none.

    Fix: List it under valueFiles of the Application that it is meant for, delete it, or allow it in policy as
    values.unlistedFilesAllowed where it belongs to an environment that is judged by itself.
    """
    allowed = subject.section(Values).unlisted_files_allowed
    if allowed is None:
        yield NotApplicable()
        return
    broken = {chart.path for chart in subject.environment.charts if _lists_a_broken_file(subject, chart.used_by)}
    for file, chart in subject.environment.unlisted_values_files:
        if chart not in broken and not any(doublestar_match(pattern, file) for pattern in allowed):
            users = next((", ".join(c.used_by) for c in subject.environment.charts if c.path == chart), "")
            yield Breach(Place(file), "no Application lists it", f"an entry in valueFiles of {users}", field=file)
    for index, pattern in enumerate(allowed):
        if not any(doublestar_match(pattern, file) for file, _ in subject.environment.unlisted_values_files):
            place = subject.policy.place_of("values", "unlistedFilesAllowed", index)
            found, fix = f"{pattern} allows no unlisted values file", "Delete the entry, or correct it."
            yield Breach(place, found, "a glob with a match", field=f"unlistedFilesAllowed {pattern}", fix=fix)


def _lists_a_broken_file(subject: Subject, labels: Iterable[str]) -> bool:
    """Whether one of the Applications lists a values file that could not be read: it may mean the one beside it."""
    loaded = [one for one in subject.environment.applications if one.label in labels]
    problems = [problem for one in loaded for render in one.renders for problem in render.problems]
    return any(problem.fault.startswith("value-file-") for problem in problems)


@check()
def foreign_environment_token(subject: Subject) -> Iterator[Result]:
    """A value names another environment

    Why: A staging workload that speaks to a production host, or runs a production image, passes every schema; only the
    word in the name tells. Values files, parameters, the Application itself and every rendered field are searched.

    Fix: Set this environment's own value; where the text is right, allow it in policy under
    values.allowedForeignTokens, with the reason.
    """
    words = _Words.of(subject.section(Values))
    if words is None:
        yield NotApplicable()
        return
    told: list[str] = []
    places: set[Place] = set()
    for place, name, text in _own_texts(subject.app):
        token = words.foreign(text)
        if token:
            told.append(text)
            places.add(place)
            yield Breach(place, f'"{token}" in {name}', words.expected, field=name)
    for manifest in subject.manifests:
        for path, text in _strings(manifest):
            token = words.foreign(_without(text, told))
            if token:
                found = f'"{token}" in {manifest.field(*path)}'
                breach = subject.breach(manifest, path, found, words.expected)
                if not breach.place.exact or breach.place not in places:
                    yield breach


@dataclass(frozen=True, slots=True)
class _Words:
    """The foreign tokens of one policy, ready to be looked for."""

    tokens: re.Pattern[str]
    allowed: tuple[re.Pattern[str], ...]
    expected: str

    @classmethod
    def of(cls, section: Values) -> _Words | None:
        own = {token.lower() for token in section.environment_tokens}
        foreign = [token for token in section.foreign_tokens if token.lower() not in own]
        if not foreign:
            return None
        expected = (
            f"this environment's own ({', '.join(section.environment_tokens)})" if own else "this environment's own"
        )
        return cls(_word(foreign), tuple(_word([entry.text]) for entry in section.allowed_foreign_tokens), expected)

    def foreign(self, text: str) -> str:
        """The first foreign token in a text, as it is written there; "" where there is none."""
        for allowed in (_DEVICES, *self.allowed):
            text = allowed.sub(" ", text)
        match = self.tokens.search(text)
        return match[0] if match else ""


_DEVICES = re.compile(r"/dev/(null|zero|full|u?random|shm|stdin|stdout|stderr|tty|fd)\b")


def _word(texts: Iterable[str]) -> re.Pattern[str]:
    """The texts as whole words: everything but letters and digits separates."""
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, longest_first))})(?![^\W_])", re.IGNORECASE)


def _without(text: str, told: Iterable[str]) -> str:
    for value in told:
        text = text.replace(value, " ")
    return text


def _own_texts(loaded: LoadedApplication) -> Iterator[tuple[Place, str, str]]:
    """What the Application and its values files say for themselves, each text with its place and its path.

    `info` is prose for people. Inline `values` text is read as the layer that it is.
    """
    manifest = loaded.application.node
    plain = manifest.plain()
    for path, leaf in manifest.leaves():
        prose = path[:2] == ("spec", "info") or path[-2:] == ("helm", "values")
        if leaf.text and path[0] in ("metadata", "spec") and not prose:
            yield manifest.place_of(*path), named_path(plain, path), leaf.text
    for render in loaded.renders:
        for layer, path, leaf in effective_leaves(render.layers):
            inline = layer.kind is LayerKind.INLINE and layer.label == "values"
            if leaf.text and path and (inline or layer.kind is LayerKind.VALUE_FILE):
                name = f"{_source_name(render, loaded)}values.{named_path(layer.node.plain(), path)}"
                yield layer.node.place_of(*path) if leaf.line else layer.entry, name, leaf.text


def _source_name(render: Render, loaded: LoadedApplication) -> str:
    return f"{render.source.chart or render.source.path} " if len(loaded.renders) > 1 else ""


def _strings(manifest: Manifest) -> Iterator[tuple[Path, str]]:
    """Every string of a rendered object; a child Application is judged as an Application of its own."""
    if (manifest.group, manifest.kind) != ("argoproj.io", "Application"):
        yield from _strings_of(manifest.object, ())


def _strings_of(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from _strings_of(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _strings_of(below, (*path, index))


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def foreign_token_allowed_in_vain(subject: Subject) -> Iterator[Result]:
    """A text with another environment's token is allowed in policy and occurs nowhere

    Why: An allowance that nothing needs any more is a hole that waits for the next text of that name.

    Fix: Delete the entry, or correct it.
    """
    texts = subject.section(Values).allowed_foreign_tokens
    applications = subject.environment.applications
    gone = set(subject.policy.inventory or ()) - {loaded.application.name for loaded in applications}
    if not texts or gone or not all(loaded.complete for loaded in applications):
        # What is not there, or not known in full, may be what needs the text, and is told as such.
        yield NotApplicable()
        return
    for index, entry in enumerate(texts):
        if not _occurs(subject, _word([entry.text])):
            place = subject.policy.place_of("values", "allowedForeignTokens", index, "text")
            yield Breach(place, f"{entry.text} occurs nowhere", "a text that is in use", field=entry.text)


def _occurs(subject: Subject, word: re.Pattern[str]) -> bool:
    for loaded in subject.environment.applications:
        if any(word.search(text) for _, _, text in _own_texts(loaded)):
            return True
        if any(word.search(text) for manifest in loaded.manifests for _, text in _strings(manifest)):
            return True
    return False


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def value_reads_otherwise(subject: Subject) -> Iterator[Result]:
    """A value without quotes is read as something else than what is written

    Why: Helm's YAML parser makes numbers and booleans of plain texts: a tag 1.10 deploys 1.1, a revision 0123456 and a
    commit 12345e7 become other numbers, y becomes true, and a number from 1000000 on is printed as 1e+06. Told are
    versions and tags, octal numbers that are no file mode, y and n, and large numbers that show in a rendered text.

    Fix: Put the value in quotes; for a large number, `| int64` in the template does it as well.
    """
    seen: set[Place] = set()
    applicable = False
    for loaded in subject.environment.applications:
        for render in loaded.renders:
            for layer, path, leaf in effective_leaves(render.layers):
                applicable = True
                place = Place(leaf.file, leaf.line, leaf.column)
                found = _misread(subject, render, layer, path, leaf) if place not in seen else ""
                if found:
                    seen.add(place)
                    name = named_path(layer.node.plain(), path)
                    yield Breach(place, f"{name}: {found}", "the value in quotes", field=f"{layer.file}:{name}")
    if not applicable:
        yield NotApplicable()


_PLAIN_TEXT = re.compile(r"[^\s,\[\]{}#!&*\"'|>]+")
_NAMES = re.compile(r"(tag|version|revision|release|commit|sha|digest)$", re.IGNORECASE)
_MODES = re.compile(r"mode|umask", re.IGNORECASE)
_OCTAL = re.compile(r"[-+]?0[0-7_]*[1-7][0-7_]*")
_EXPONENT_FROM = 1_000_000


def _misread(subject: Subject, render: Render, layer: ValuesLayer, path: Path, leaf: Node) -> str:
    """What is misread about a leaf, or "": values are told only where the key says that they are names."""
    if not isinstance(leaf.value, bool | int | float) or layer.file not in subject.environment.paths:
        return ""
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    written, printed = _written(layer, leaf), printed_value(leaf.value)
    if not written or written == printed:
        return ""
    if _NAMES.search(key):
        return f"{written} is read as {printed}"
    if isinstance(leaf.value, bool):
        return f"{written} is read as {printed}" if written in ("y", "Y", "n", "N") else ""
    if _OCTAL.fullmatch(written):
        return "" if _MODES.search(key) else "a number with a leading zero is octal"
    if abs(leaf.value) >= _EXPONENT_FROM and _shows(render.manifests, printed):
        return "a large number is rendered with an exponent"
    return ""


def _written(layer: ValuesLayer, leaf: Node) -> str:
    """The plain text of a leaf as it stands in its file; "" where the layer's text does not tell."""
    lines = layer.text.splitlines()
    if not leaf.column or not 0 < leaf.line <= len(lines):
        return ""
    match = _PLAIN_TEXT.match(lines[leaf.line - 1], leaf.column - 1)
    return match[0] if match else ""


def _shows(manifests: Iterable[Manifest], printed: str) -> bool:
    word = re.compile(rf"(?<![\w.]){re.escape(printed)}(?!\w)")
    return any(word.search(text) for manifest in manifests for _, text in _strings(manifest))


@check()
def value_file_missing(subject: Subject) -> Iterator[Result]:
    """A values file that the Application lists does not exist

    Why: Helm ends with an error, so nothing of the Application is deployed any more (argo-cd:
    reposerver/repository/repository.go `getResolvedValueFiles`). Relative paths start at the chart's folder, those with
    a leading slash at the repository's root.

    Fix: Correct the path, or set ignoreMissingValueFiles where the file may be absent.
    """
    yield from _value_file_problems(subject, "value-file-missing")


@check()
def value_file_ref_unknown(subject: Subject) -> Iterator[Result]:
    """A values file begins with a $name that no source carries as ref

    Why: In an Application with several sources the first segment after the dollar sign must be the ref of one of them,
    else rendering fails (argo-cd: reposerver/repository/repository.go `runManifestGenAsync`).

    Fix: Give the source that holds the file this ref, or correct the name.
    """
    yield from _value_file_problems(subject, "value-file-ref-unknown")


@check()
def value_file_remote(subject: Subject) -> Iterator[Result]:
    """A values file is fetched from a URL

    Why: What a URL gives is not in the repository: it can change without a commit, and nobody can judge it before the
    sync.

    Fix: Keep the file in the repository, or in one that a source names with ref.
    """
    yield from _value_file_problems(subject, "value-file-remote")


@check()
def value_file_scheme(subject: Subject) -> Iterator[Result]:
    """A values file has a colon in its first segment

    Why: Argo CD takes what stands before the colon for the scheme of a URL and refuses every one that argocd-cm does
    not allow; by default those are https and http (argo-cd: util/io/path/resolved.go).

    Fix: Rename the file, or write an https URL.
    """
    yield from _value_file_problems(subject, "value-file-scheme")


@check()
def value_file_unreadable(subject: Subject) -> Iterator[Result]:
    """A values file cannot be read

    Why: A file without read permission, or a link that leads out of the repository, stops the render for Argo CD too.

    Fix: Make it an ordinary readable file inside the repository.
    """
    yield from _value_file_problems(subject, "value-file-unreadable")


@check()
def value_file_not_yaml(subject: Subject) -> Iterator[Result]:
    """A values file is not a mapping in YAML

    Why: Helm refuses values that do not parse, and values whose top is a list or a text; the render fails.

    Fix: Correct the line that is named.
    """
    yield from _value_file_problems(subject, "value-file-not-yaml")


def _value_file_problems(subject: Subject, fault: str) -> Iterator[Result]:
    """The problems of one sort of the Application's Helm sources, each place once."""
    renders = [render for render in subject.app.renders if render.type.value == "helm"]
    if not renders:
        yield NotApplicable()
    found = [problem for render in renders for problem in render.problems if problem.fault == fault]
    for problem in {problem.place: problem for problem in found}.values():
        yield problem_result(problem, subject.app.label)
