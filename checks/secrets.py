"""Secrets in Git: credentials in the files of the tree, and what the Secrets that it renders hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from driftgate.credentials import spot
from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, Unchecked, check
from driftgate.model.credentials import CredentialScan
from driftgate.model.environment import LayerKind, LoadedApplication, ValuesLayer
from driftgate.model.manifest import Manifest
from driftgate.model.node import Node, Path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.model.secret import SecretValue
from driftgate.policy import RepositorySection, Section, setting
from driftgate.semantics.globs import doublestar_match
from driftgate.semantics.ignore_rules import rule_matches
from driftgate.semantics.secret_data import (
    content_fault,
    decode_base64,
    has_stray_newline,
    is_double_encoded,
    is_placeholder,
    is_reference,
    printable_text,
    type_fault,
)
from driftgate.semantics.secret_names import may_be_literal, sounds_secret

POLICY: dict[str, type[Section]] = {}


@dataclass(frozen=True, slots=True)
class AllowedFiles(Section):
    """Files that hold credentials on purpose, and why."""

    files: str = field(metadata={"help": "A glob of paths; ** crosses folders."})
    reason: str = field(metadata={"help": "Why what stands there gives nothing away, such as a certificate for tests."})


@dataclass(frozen=True, slots=True)
class Secrets(Section):
    """Where credentials are looked for, and where they may be."""

    exclude: tuple[str, ...] | None = setting(
        None,
        "Globs of paths that are not searched, unless the environment uses them; else those of repository.exclude.",
    )
    allowed: tuple[AllowedFiles, ...] = setting((), "Files in which credentials are right.")


POLICY["secrets"] = Secrets

# Keys of which a type of Secret says that they hold the credential.
_TYPED = {
    ("kubernetes.io/basic-auth", "password"),
    ("kubernetes.io/ssh-auth", "ssh-privatekey"),
    ("kubernetes.io/tls", "tls.key"),
    ("kubernetes.io/service-account-token", "token"),
    ("bootstrap.kubernetes.io/token", "token-secret"),
}
# How a key and its value are written in YAML and in files of environment variables.
_FORMS = ("{}: {}\n", '{}: "{}"', "{}: '{}'", "{}={}\n", "{}: {} #")
# More files than a generator reads.
_BESIDE = 50
# Filled by a controller of Kubernetes or of cert-manager, and rendered empty for it.
_FILLED = frozenset({"kubernetes.io/tls", "kubernetes.io/service-account-token"})


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of a rendered Secret. `data` is what a Pod gets to see, None where that is not known."""

    manifest: Manifest
    block: str
    key: str
    secret: SecretValue
    data: bytes | None = field(repr=False)

    @property
    def path(self) -> Path:
        return (self.block, self.key)

    @property
    def name(self) -> str:
        """The value as a person would point at it."""
        return f"{self.block}.{self.key}"

    @property
    def type(self) -> str:
        return _type_of(self.manifest)

    @property
    def text(self) -> str | None:
        """The value as a text that a person could have written; None for binary."""
        return None if self.data is None else printable_text(self.data)

    def breach(self, subject: Subject, found: str, expected: str, *parts: str | None) -> Breach:
        """A breach at the line of the value, found by what may stand there: one of some parts, or what is rendered."""
        written = self.secret.reveal()
        texts = [*(parts or (self.text,)), written if isinstance(written, str) else None]
        breach = subject.breach(self.manifest, self.path, found, expected, part=texts[0])
        for part in texts[1:]:
            if not breach.place.exact and part is not None:
                breach = subject.breach(self.manifest, self.path, found, expected, part=part)
        place = breach.place if breach.place.exact else _written_at(subject, breach.place, self.key, texts)
        return replace(breach, place=place)


def _written_at(subject: Subject, place: Place, key: str, texts: Sequence[str | None]) -> Place:
    """The line on which a key is written with one of the texts, in the file or beside it; else the file's place.

    Beside a kustomization lie the files that its generators read.
    """
    forms = [form.format(key, text) for text in texts if text for form in _FORMS]
    folder = place.file.rpartition("/")[0]
    beside = sorted(path for path in subject.environment.paths if path.rpartition("/")[0] == folder)
    for file in (place.file, *(path for path in beside[:_BESIDE] if path != place.file)):
        for form in forms:
            line = subject.environment.line_of(file, form)
            if line:
                return Place(file, line)
    return place


def _type_of(manifest: Manifest) -> str:
    kind = manifest.object.get("type")
    return kind if isinstance(kind, str) else "Opaque"


def _secrets(subject: Subject) -> dict[str, tuple[Manifest, ...]]:
    """The core Secrets of every Application, by its label; what SOPS has encrypted is none yet."""
    return {
        loaded.label: tuple(
            manifest
            for manifest in loaded.manifests
            if manifest.kind == "Secret" and manifest.api_version == "v1" and "sops" not in manifest.object
        )
        for loaded in subject.environment.applications
    }


def _values(manifest: Manifest) -> Iterator[_Value]:
    for block in ("data", "stringData"):
        values = manifest.object.get(block)
        for key, secret in values.items() if isinstance(values, dict) else ():
            if isinstance(secret, SecretValue):
                yield _Value(manifest, block, key, secret, _bytes(block, secret))


def _bytes(block: str, secret: SecretValue) -> bytes | None:
    written = secret.reveal()
    if not isinstance(written, str):
        return None  # the schema's business
    return decode_base64(written) if block == "data" else written.encode()


def _own(subject: Subject) -> Iterator[_Value]:
    """The values of the Secrets of the Application at hand."""
    for manifest in subject.once(_secrets)[subject.app.label]:
        yield from _values(manifest)


def _is_ignored(subject: Subject, value: _Value) -> bool:
    """Whether the Application leaves the value to whoever fills it in the cluster, by a rule of ignoreDifferences."""
    manifest = value.manifest
    target = (manifest.group, manifest.kind, manifest.name, manifest.target_namespace)
    wanted = ("/data", f"/data/{value.key.replace('~', '~0').replace('/', '~1')}")
    return any(
        rule_matches(rule.group, rule.kind, rule.name, rule.namespace, *target)
        and any(pointer.text in wanted for pointer in rule.json_pointers)
        for rule in subject.application.ignore_differences
    )


# What stands in the files


@check(scope=Scope.ENVIRONMENT)
def credential_in_git(subject: Subject) -> Iterator[Result]:
    """A file holds a credential

    Why: Everybody who can read the repository, or any copy of it, can use the credential, and Git keeps it in every
    commit that had it. Searched are all text files that Git holds, without those that secrets.exclude or
    repository.exclude names, for private keys, URLs with a password, logins of container registries and tokens in the
    form that their vendor gives them, in base64 too.

    Fix: Revoke the credential and issue a new one, keep that in the secret store, and refer to it by an
    ExternalSecret. Deleting the line alone does not help: the old commits keep it. Where it gives nothing away, allow
    the file in policy under secrets.allowed, with the reason.
    """
    report = subject.once(_report)
    if not report.scan.files:
        yield NotApplicable()
    for file, why in report.scan.unread:
        yield Unchecked(Place(file), why, "a text file that can be searched", field=file)
    yield from report.certain
    yield from report.unused


@check(scope=Scope.ENVIRONMENT)
def secret_value_in_git(subject: Subject) -> Iterator[Result]:
    """A Secret is rendered with its value from Git

    Why: The values of a Secret are encoded, not encrypted: whoever can read the repository can read them, and Git
    keeps them in every commit that had them. What counts is a value under a key that says it is a credential, or one
    that has a credential's form.

    Fix: Revoke the credential, keep the new one in the secret store, and replace the Secret by an ExternalSecret, or
    encrypt it. Where it gives nothing away, allow the file in policy under secrets.allowed, with the reason.
    """
    if not any(subject.once(_secrets).values()):
        yield NotApplicable()
    yield from subject.once(_report).literal


@check(severity=Severity.NOTE, scope=Scope.ENVIRONMENT)
def credential_suspected(subject: Subject) -> Iterator[Result]:
    """A value looks like a credential by its name

    Why: A literal under a key such as password, token or apiKey most often is what the key says. Only the name tells,
    so this is a note until policy makes it more. Searched are values files, parameters, environment variables and
    ConfigMaps of what is rendered, and the variables and options of scripts; references, placeholders, templates,
    paths and names are left out.

    Fix: Refer to a Secret by secretKeyRef or envFrom, and let an ExternalSecret fill it. Where the value is no
    credential, allow the file in policy under secrets.allowed, or waive the finding.
    """
    yield from subject.once(_report).suspected


@dataclass(slots=True)
class _Report:
    """Every credential once: what a file's text gives away before what is rendered of it, that before suspicions."""

    scan: CredentialScan
    allowed: Sequence[AllowedFiles]
    certain: list[Breach] = field(default_factory=list)
    literal: list[Breach] = field(default_factory=list)
    suspected: list[Breach] = field(default_factory=list)
    unused: list[Breach] = field(default_factory=list)
    _used: set[int] = field(default_factory=set)
    _lines: dict[str, set[int]] = field(default_factory=dict)
    _told: set[object] = field(default_factory=set)

    def allows(self, file: str) -> bool:
        """Whether policy allows credentials in a file."""
        matching = {index for index, entry in enumerate(self.allowed) if doublestar_match(entry.files, file)}
        self._used |= matching
        return bool(matching)

    def is_told(self, place: Place, height: int = 0) -> bool:
        """Whether a credential is told already at the place, or within some lines below it."""
        lines = self._lines.get(place.file, set())
        return any(line in lines for line in range(place.line, place.line + height + 1))

    def take(self, pile: list[Breach], breach: Breach, height: int = 0, otherwise: object = None) -> None:
        """Keep a breach unless its place is told or allowed; without a line, what `otherwise` is tells them apart."""
        place = breach.place
        known = self.is_told(place, height) if place.exact else (place.file, otherwise) in self._told
        if known or self.allows(place.file):
            return
        self._lines.setdefault(place.file, set()).add(place.line)
        self._told.add((place.file, otherwise))
        pile.append(breach)

    def unused_entries(self, subject: Subject) -> Iterator[Breach]:
        """The entries of `secrets.allowed` that no credential makes use of."""
        for index, entry in enumerate(self.allowed):
            if index not in self._used:
                place = subject.policy.place_of("secrets", "allowed", index)
                fix = "Delete the entry, or correct it."
                yield Breach(
                    place, f"{entry.files} allows no credential", "a glob with a match", field=f"allowed {entry.files}",
                    fix=fix,
                )  # fmt: skip


def _report(subject: Subject) -> _Report:
    section = subject.section(Secrets)
    exclude = subject.section(RepositorySection).exclude if section.exclude is None else section.exclude
    scan = subject.environment.credentials(exclude)
    report = _Report(scan, section.allowed)
    _take_certain(report)
    for manifests in subject.once(_secrets).values():
        for manifest in manifests:
            for value in _values(manifest):
                _take_literal(subject, report, value)
    for breach in _suspicions(subject, scan):
        report.take(report.suspected, breach)
    report.unused = list(report.unused_entries(subject))
    return report


def _take_certain(report: _Report) -> None:
    for file, found in report.scan.found:
        certain = [one for one in found if not one.key]
        if not certain or report.allows(file):
            continue
        report._lines.setdefault(file, set()).update(one.line for one in certain)  # noqa: SLF001
        count: dict[str, int] = {}
        for one in certain:
            count[one.kind] = count.get(one.kind, 0) + 1
            number = f" {count[one.kind]}" if count[one.kind] > 1 else ""
            name = f"{file}:{one.kind}{number}"
            report.certain.append(Breach(Place(file, one.line), one.kind, "no credential in Git", field=name))


def _take_literal(subject: Subject, report: _Report, value: _Value) -> None:
    text = value.text
    if not value.data or (text is not None and (is_placeholder(text) or is_reference(text))):
        return
    kinds = [one.kind for one in spot(value.data)]
    if not (kinds or (value.type, value.key) in _TYPED or sounds_secret(value.key)):
        return
    if _is_drawn(subject, value.manifest):
        return
    what = kinds[0] if kinds else "a value"
    breach = value.breach(subject, f"{what} in {value.name} of Secret {value.manifest.name}", "a reference")
    if breach.place.file not in subject.environment.paths or (_is_templated(subject, breach) and not kinds):
        return
    report.take(report.literal, breach, (text or "").count("\n") + 1, value.secret.fingerprint)


def _is_templated(subject: Subject, breach: Breach) -> bool:
    """Whether a chart's template makes the value of something, such as a checksum, so that it stands nowhere in Git."""
    charts = (chart.path for chart in subject.environment.charts)
    return not breach.place.exact and any(breach.place.file.startswith(f"{chart}/templates/") for chart in charts)


def _is_drawn(subject: Subject, manifest: Manifest) -> bool:
    """Whether the template draws values at random, so that Git does not have them."""
    loaded = subject.environment.find(manifest.application)
    renders = loaded.renders if loaded is not None else ()
    return any(manifest.template in render.unstable for render in renders)


# Suspicions


def _suspicions(subject: Subject, scan: CredentialScan) -> Iterator[Breach]:
    """Literals under names that sound like credentials: where they are written before where they are rendered."""
    for file, found in scan.found:
        for one in found:
            if one.key:
                yield _suspicion(Place(file, one.line), one.key, f"{file}:{one.key}")
    for layer in _layers(subject):
        yield from _of_layer(layer)
    for loaded in subject.environment.applications:
        yield from _of_manifests(subject, loaded)


def _suspicion(place: Place, key: str, name: str, object_: str = "", related: tuple[Related, ...] = ()) -> Breach:
    return Breach(place, f"a literal under {key}", "a reference to a Secret", object_, name, related)


def _layers(subject: Subject) -> Iterator[ValuesLayer]:
    """The layers that stand in the judged tree, each once."""
    seen: set[tuple[str, int, str]] = set()
    renders = [render for loaded in subject.environment.applications for render in loaded.renders]
    renders += [chart.render for chart in subject.environment.charts if chart.render is not None]
    for render in renders:
        for layer in render.layers:
            key = (layer.file, layer.entry.line if layer.kind in _INLINE else 0, layer.text if _is_set(layer) else "")
            if layer.file in subject.environment.paths and key not in seen:
                seen.add(key)
                yield layer


_INLINE = (LayerKind.INLINE, LayerKind.PARAMETER)


def _is_set(layer: ValuesLayer) -> bool:
    return layer.kind is LayerKind.PARAMETER


def _of_layer(layer: ValuesLayer) -> Iterator[Breach]:
    if layer.kind is LayerKind.FILE_PARAMETER:
        return
    if _is_set(layer):
        key = layer.text.rpartition(".")[2]
        if sounds_secret(key) and may_be_literal(layer.node.value):
            yield _suspicion(layer.entry, layer.text, f"{layer.file}:{layer.text}")
        return
    for path, key in _literals(layer.node):
        place = layer.node.place_of(*path)
        name = ".".join(map(str, path))
        yield _suspicion(place if place.exact else layer.entry, key, f"{layer.file}:{name}")


def _literals(root: Node) -> list[tuple[Path, str]]:
    """Path and name of every literal below a node whose name sounds like a credential, in the order they stand in."""
    found: list[tuple[Path, str]] = []
    pending: list[tuple[Path, Node]] = [((), root)]
    while pending:
        path, node = pending.pop()
        below: list[tuple[Path, Node]] = []
        if isinstance(node.value, dict):
            name = node.value.get("name")
            for key, item in node.value.items():
                if isinstance(item.value, dict | list):
                    below.append(((*path, key), item))
                    continue
                named = name.text or "" if key == "value" and name is not None else key
                if item.value is not None and sounds_secret(named) and may_be_literal(item.value):
                    found.append(((*path, key), named))
        elif isinstance(node.value, list):
            below = [((*path, index), item) for index, item in enumerate(node.value)]
        pending += reversed(below)
    return found


def _of_manifests(subject: Subject, loaded: LoadedApplication) -> Iterator[Breach]:
    """The environment variables of what is rendered, and the keys of ConfigMaps."""
    for manifest in loaded.manifests:
        for path, key, text in [*_variables(manifest), *_settings(manifest)]:
            if sounds_secret(key) and may_be_literal(text) and not _is_drawn(subject, manifest):
                place, related = subject.cause(manifest, *path, part=text)
                place = place if place.exact else _written_at(subject, place, str(path[-1]), [text])
                if place.exact:  # else the template makes it of something, and it is no literal
                    yield _suspicion(place, key, manifest.field(*path), manifest.object_id, related)


def _variables(manifest: Manifest) -> Iterator[tuple[Path, str, str]]:
    spec = manifest.pod_spec_path
    for block in ("initContainers", "containers") if spec is not None else ():
        containers = manifest.get(*(spec or ()), block)
        for index, container in enumerate(containers if isinstance(containers, list) else ()):
            variables = container.get("env") if isinstance(container, dict) else None
            for number, entry in enumerate(variables if isinstance(variables, list) else ()):
                name, value = (entry.get("name"), entry.get("value")) if isinstance(entry, dict) else (None, None)
                if isinstance(name, str) and isinstance(value, str):
                    yield (*(spec or ()), block, index, "env", number, "value"), name, value


def _settings(manifest: Manifest) -> Iterator[tuple[Path, str, str]]:
    data = manifest.get("data") if (manifest.group, manifest.kind) == ("", "ConfigMap") else None
    for key, value in data.items() if isinstance(data, dict) else ():
        if isinstance(key, str) and isinstance(value, str):
            yield ("data", key), key, value


# What the Secrets hold


@check()
def secret_data_not_base64(subject: Subject) -> Iterator[Result]:
    """A value under data of a Secret is not base64

    Why: The API server decodes data and refuses the whole object where it cannot, so the sync fails. It takes the
    standard alphabet with its padding only (Go: encoding/base64 `StdEncoding`).

    Fix: Encode the value, or write it under stringData.
    """
    values = [value for value in _own(subject) if value.block == "data"]
    if not values:
        yield NotApplicable()
    for value in values:
        if value.data is None and isinstance(value.secret.reveal(), str):
            found = f"data.{value.key} of Secret {value.manifest.name} that is not base64"
            yield value.breach(subject, found, "base64")


@check(severity=Severity.WARNING)
def secret_data_double_encoded(subject: Subject) -> Iterator[Result]:
    """A value of a Secret is encoded twice

    Why: A Pod gets what is left after decoding once, which is base64 and not the value: the login fails and nothing
    says why. Most often a value that was base64 already went through b64enc.

    Fix: Encode the value once: drop b64enc from the template, or keep the plain value.
    """
    values = [value for value in _own(subject) if value.block == "data" and value.data]
    if not values:
        yield NotApplicable()
    for value in values:
        if value.data is not None and is_double_encoded(value.data):
            found = f"data.{value.key} of Secret {value.manifest.name} is base64 of base64"
            # What stands in the values is plain where the template encodes twice.
            inner = decode_base64((value.text or "").strip()) or b""
            yield value.breach(subject, found, "base64 of the value", value.text, printable_text(inner))


@check(severity=Severity.WARNING)
def secret_data_trailing_newline(subject: Subject) -> Iterator[Result]:
    """A value of a Secret ends in a line break

    Why: `echo value | base64` encodes the line break too, and a block scalar with | keeps it; a Pod then logs in with
    a password that ends in one. Files of several lines, and keys named like files, are left out.

    Fix: Encode with `echo -n` or printf, or use |- for the block.
    """
    values = list(_own(subject))
    if not values:
        yield NotApplicable()
    for value in values:
        text = value.text
        if text is not None and has_stray_newline(value.key, text):
            found = f"{value.name} of Secret {value.manifest.name} ends in a line break"
            yield value.breach(subject, found, "the value alone", text.rstrip("\r\n"))


@check(severity=Severity.WARNING)
def secret_data_empty(subject: Subject) -> Iterator[Result]:
    """A value of a Secret is empty

    Why: The key is there, so a Pod starts, with an empty password; a key that is missing would have stopped it. Most
    often a value of the environment was forgotten. Values that ignoreDifferences leaves to somebody else, and Secrets
    of the types that a controller fills, are left out.

    Fix: Set the value, leave the key out, or let an ExternalSecret fill the Secret.
    """
    values = [value for value in _own(subject) if value.type not in _FILLED]
    if not values:
        yield NotApplicable()
    for value in values:
        if value.data == b"" and not _is_ignored(subject, value):
            yield value.breach(subject, f"{value.name} of Secret {value.manifest.name}", "a value", "")


@check(severity=Severity.WARNING)
def secret_placeholder(subject: Subject) -> Iterator[Result]:
    """A Secret is deployed with a placeholder

    Why: changeme, TODO or <token> was written to be replaced and was not: it is a password that everybody knows, or
    none at all. Values that ignoreDifferences leaves to somebody else are left out.

    Fix: Let an ExternalSecret fill the Secret, or leave the key out and have it filled in the cluster, with a rule in
    ignoreDifferences that keeps it.
    """
    values = list(_own(subject))
    if not values:
        yield NotApplicable()
    for value in values:
        text = value.text
        if text is not None and is_placeholder(text) and not _is_ignored(subject, value):
            yield value.breach(subject, f"{value.name} of Secret {value.manifest.name}", "the value")


@check(severity=Severity.WARNING)
def secret_key_set_twice(subject: Subject) -> Iterator[Result]:
    """A Secret sets one key under data and under stringData

    Why: stringData is laid over data when the object is written, so the line under data does nothing (kubernetes:
    pkg/apis/core/types.go). Whoever edits it changes nothing.

    Fix: Keep one of the two.
    """
    secrets = subject.once(_secrets)[subject.app.label]
    if not secrets:
        yield NotApplicable()
    for manifest in secrets:
        values = list(_values(manifest))
        over = {value.key: value for value in values if value.block == "stringData"}
        for value in values:
            if value.block == "data" and value.key in over:
                found = f"data.{value.key} of Secret {manifest.name}, which stringData sets too"
                yield value.breach(subject, found, "the key once")


@check()
def secret_type_unmet(subject: Subject) -> Iterator[Result]:
    """A Secret lacks what its type asks for

    Why: The API server refuses a Secret whose type wants a key, an annotation or JSON that is not there, and the sync
    fails (kubernetes: pkg/apis/core/validation/validation.go `ValidateSecret`).

    Fix: Add what is missing, or use the type Opaque.
    """
    secrets = [one for one in subject.once(_secrets)[subject.app.label] if _type_of(one) != "Opaque"]
    if not secrets:
        yield NotApplicable()
    for manifest in secrets:
        values = {value.key: value for value in _values(manifest)}
        keys = {key: value.data for key, value in values.items()}
        fault, key = type_fault(_type_of(manifest), keys, manifest.annotations)
        if not fault:
            continue
        found, expected = f"{fault} in Secret {manifest.name}", f"what {_type_of(manifest)} asks for"
        if key:
            yield values[key].breach(subject, found, expected)
        else:
            yield subject.breach(manifest, ("type",), found, expected)


@check(severity=Severity.WARNING)
def secret_content_unexpected(subject: Subject) -> Iterator[Result]:
    """A value of a Secret is not what the Secret's type says

    Why: The API server looks at the keys alone; that tls.crt is no certificate, or a password is binary, is found by
    whoever reads the Secret: an ingress controller serves its own certificate instead, a clone fails.

    Fix: Put in what the type says, in PEM where it is a key or a certificate.
    """
    values = [value for value in _own(subject) if value.type != "Opaque"]
    if not values:
        yield NotApplicable()
    for value in values:
        text = value.text
        if not value.data or (text is not None and (is_placeholder(text) or is_double_encoded(value.data))):
            continue  # told as what it is
        fault, expected = content_fault(value.type, value.key, value.data)
        if fault:
            yield value.breach(subject, f"{fault} in Secret {value.manifest.name}", expected)
