"""Which images run: where they come from, what names them, and with what they are pulled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from driftgate.checks.workloads import containers_of, ruled_by, shown, with_related

from driftgate.graph import State, Target
from driftgate.judge import (
    Breach,
    NotApplicable,
    Result,
    Scope,
    Subject,
    Unchecked,
    check,
    graph_of,
    incomplete,
    is_complete,
)
from driftgate.model.environment import LayerKind, LoadedApplication, Render, SourceType, ValuesLayer
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.policy import Section, setting
from driftgate.semantics.images import Image, default_pull_policy, parse_image
from driftgate.values.effect import effective_leaves, is_parameter

POLICY: dict[str, type[Section]] = {}
_CREDENTIALS = re.compile(r"://|:[^/@]*@(?!sha\d)")
# Registries that give public images to everybody: a pull secret for one of their images says nothing of the others.
_PUBLIC_REGISTRIES = frozenset(
    {"docker.io", "gcr.io", "ghcr.io", "k8s.gcr.io", "mcr.microsoft.com", "public.ecr.aws", "quay.io",
     "registry.gitlab.com", "registry.k8s.io"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Images(Section):
    """Where images may not be pulled from without a Secret, and which of their parts belong together."""

    private_registries: tuple[str, ...] = setting(
        (), "Registries, or paths of them such as registry.example.com/team, that give nothing without a pull secret."
    )
    same_tag: Literal["application", "environment"] | None = setting(
        None, "Within what every use of an image repository has to name the same tag and digest."
    )
    tag_with_repository: bool = setting(
        False, "Whether a values layer that sets an image's repository has to set its tag as well, or one above it."
    )


POLICY["images"] = Images


@dataclass(frozen=True, slots=True)
class _Use:
    """One place in a Pod that names an image which a kubelet can read."""

    manifest: Manifest
    path: Path
    title: str
    text: str
    image: Image

    @property
    def version(self) -> str:
        """What the image is told by besides its repository: the tag, or the digest without one."""
        return self.image.effective_tag or self.image.digest

    def agrees(self, other: _Use) -> bool:
        """Whether two uses of one repository name the same: a digest counts where both have one."""
        own, others = self.image, other.image
        return self.version == other.version and (own.digest == others.digest or not (own.digest and others.digest))


def _uses(manifests: Iterable[Manifest]) -> Iterator[_Use]:
    """Every image of Pods: of containers, of init containers, and of volumes that are images."""
    for manifest in manifests:
        for container in containers_of((manifest,)):
            image = container.image
            if image is not None:
                yield _Use(manifest, (*container.path, "image"), container.title, container.image_text or "", image)
        spec = manifest.pod_spec_path
        volumes = manifest.get(*spec, "volumes") if spec is not None else None
        for index, volume in enumerate(volumes if isinstance(volumes, list) else ()):
            path = (*(spec or ()), "volumes", index, "image", "reference")
            text = manifest.get(*path)
            image = parse_image(text) if isinstance(text, str) else None
            if image is not None:
                yield _Use(manifest, path, f"volume {volume.get('name')}", text, image)


def _by_application(subject: Subject) -> dict[str, list[_Use]]:
    """Every use of an image, by the label of the Application that renders it."""
    return {loaded.label: list(_uses(loaded.manifests)) for loaded in subject.environment.applications}


def _own_uses(subject: Subject) -> list[_Use]:
    return subject.once(_by_application)[subject.app.label]


# What names an image


@check()
def image_pull_policy_unexpected(subject: Subject) -> Iterator[Result]:
    """A container's image is pulled by another policy than the environment's

    Why: IfNotPresent keeps running what a node once pulled under a tag, Always asks the registry at every start. Where
    nothing is set Kubernetes takes Always for latest and IfNotPresent otherwise (kubernetes:
    pkg/apis/core/v1/defaults.go).

    Fix: Set imagePullPolicy to what policy names.
    """
    asked = ruled_by(subject, "imagePullPolicies")
    if not asked:
        yield NotApplicable()
    for ruled in asked:
        container = ruled.container
        value = container.body.get("imagePullPolicy") or ""
        effective = value or (default_pull_policy(container.image) if container.image else "")
        # Without a policy and a readable image nothing decides: image-invalid tells.
        if effective and effective not in ruled.rule:
            found = f"{shown(value)} in" if value else f"none, which is {effective}, in"
            anchor = None if value else (*container.path, "image")
            breach = subject.breach(
                container.manifest,
                (*container.path, "imagePullPolicy"),
                f"{found} {container.title}",
                " or ".join(ruled.rule),
                anchor=anchor,
            )
            yield with_related(breach, ruled.related)


@check()
def image_registry_unexpected(subject: Subject) -> Iterator[Result]:
    """An image comes from a registry that policy does not name

    Why: An image from elsewhere has passed none of the environment's scans, cannot be pulled with its pull secret, and
    is gone when somebody else's registry is.

    Fix: Push the image to a registry of the policy and name it there, or add the registry to policy with its reason.
    """
    asked = ruled_by(subject, "imageRegistries")
    if not asked:
        yield NotApplicable()
    for ruled in asked:
        container, image = ruled.container, ruled.container.image
        if image is not None and not any(map(image.is_below, ruled.rule)):
            found = f"{image.repository} in {container.title}"
            expected = " or ".join(ruled.rule)
            part = _repository_text(container.image_text, image)
            breach = subject.breach(container.manifest, (*container.path, "image"), found, expected, part=part)
            yield with_related(breach, ruled.related)


def _repository_text(text: str | None, image: Image) -> str:
    """The image as written without its tag and digest."""
    suffix = (f":{image.tag}" if image.tag else "") + (f"@{image.digest}" if image.digest else "")
    return (text or "").removesuffix(suffix)


@check()
def image_tag_mutable(subject: Subject) -> Iterator[Result]:
    """An image's tag is one that is pushed again and again

    Why: Git then no longer says what runs: two Pods of one Deployment can run different code, and going back to the
    last commit does not bring back the last image. A digest beside the tag settles it.

    Fix: Name a version, or add the digest.
    """
    asked = ruled_by(subject, "mutableTags")
    if not asked:
        yield NotApplicable()
    for ruled in asked:
        container, image = ruled.container, ruled.container.image
        if image is None or image.digest or not any(fnmatchcase(image.effective_tag, tag) for tag in ruled.rule):
            continue
        found = (f"tag {image.tag}" if image.tag else "no tag, which is latest,") + f" in {container.title}"
        part = image.tag or _repository_text(container.image_text, image)
        breach = subject.breach(
            container.manifest, (*container.path, "image"), found, "a fixed version, or a digest", part=part
        )
        yield with_related(breach, ruled.related)


@check()
def image_invalid(subject: Subject) -> Iterator[Result]:
    """An image reference cannot be read

    Why: The kubelet answers InvalidImageName and never starts the container (distribution: reference); an empty image
    is refused by the API server already. Most often a value is empty, or a placeholder was left in.

    Fix: Give registry, repository and tag a value: lower case, without spaces, such as registry.example.com/app:1.4.2.
    """
    containers = list(containers_of(subject.manifests))
    if not containers:
        yield NotApplicable()
    for container in containers:
        if container.image is not None:
            continue
        value = container.body.get("image")
        found = f"{'no image' if value is None else _shown_image(value)} in {container.title}"
        part = _broken_part(container.image_text)
        path = (*container.path, "image")
        yield subject.breach(container.manifest, path, found, "registry/repository:tag", part=part)


def _shown_image(value: Any) -> str:
    if isinstance(value, str) and _CREDENTIALS.search(value):
        return "a text with a URL or a password in it"
    return shown(value)


def _broken_part(text: str | None) -> str | None:
    """The piece of an image that is wrong with it: "" where one is empty, None where it is the whole."""
    if text is None:
        return None
    if not text or text[0] in ":/@" or text[-1] in ":/@" or "//" in text or "/:" in text or ":@" in text:
        return ""
    name, _, digest = text.partition("@")
    if digest and parse_image(name):
        return digest
    repository, _, tag = name.rpartition(":")
    if repository and "/" not in tag:
        return tag if parse_image(repository) else repository
    return None


@check(severity=Severity.NOTE, scope=Scope.ENVIRONMENT)
def image_digest_under_two_tags(subject: Subject) -> Iterator[Result]:
    """One digest of an image repository stands beside two tags

    Why: Where a reference has a digest, it alone decides what is pulled, and the tag beside it is for people
    (containerd and CRI-O resolve the digest; distribution: reference). Two tags for one digest most often mean that
    somebody raised the tag and left the digest, so that nothing was rolled out.

    Fix: Take the digest of the tag that is meant, or write the same tag in both places.
    """
    everywhere = _everywhere(subject)
    if not everywhere:
        yield NotApplicable()
    pinned: dict[tuple[str, str], list[_Use]] = {}
    for use in everywhere:
        if use.image.digest and use.image.tag:
            pinned.setdefault((use.image.repository, use.image.digest), []).append(use)
    for (repository, digest), uses in pinned.items():
        usual = _most_common(uses)
        for use in uses:
            if use.image.tag != usual.image.tag:
                found = f"tag {use.image.tag} beside {digest[:19]}…, which is {usual.image.tag} elsewhere"
                yield _unlike(subject, use, usual, found, f"one tag of {repository} for one digest")


@check(scope=Scope.ENVIRONMENT)
def image_tags_differ(subject: Subject) -> Iterator[Result]:
    """One image repository is used with different tags

    Why: A migration of one version beside a server of another, or a worker that was forgotten when the tag was raised,
    fails in ways that no manifest shows. What most uses name is taken for what is meant.

    Fix: Let all of them read the tag from one value, or raise the one that was forgotten.
    """
    within = subject.section(Images).same_tag
    groups: dict[tuple[str, str], list[_Use]] = {}
    for use in _everywhere(subject):
        owner = use.manifest.application if within == "application" else ""
        groups.setdefault((owner, use.image.repository), []).append(use)
    if within is None or all(len(uses) < 2 for uses in groups.values()):
        yield NotApplicable()
        return
    for uses in groups.values():
        usual = _most_common(uses)
        for use in uses:
            if not use.agrees(usual):
                found = f"{use.image.repository} {_version(use)} in {use.title}"
                breach = _unlike(subject, use, usual, found, f"{_version(usual)}, as in {_where(usual)}")
                yield with_related(breach, subject.policy_entry("images", "sameTag"))


def _everywhere(subject: Subject) -> list[_Use]:
    return [use for uses in subject.once(_by_application).values() for use in uses]


def _most_common(uses: list[_Use]) -> _Use:
    """The use that most others are like; where several are as common, one with a digest, and not an init container."""
    counts = Counter(use.version for use in uses)
    return max(uses, key=lambda u: (counts[u.version], bool(u.image.digest), "initContainers" not in u.path))


def _version(use: _Use) -> str:
    """Tag and digest for people; a digest is cut short."""
    digest = f"{use.image.digest[:19]}…" if use.image.digest else ""
    return "@".join(part for part in (use.image.effective_tag, digest) if part)


def _where(use: _Use) -> str:
    return f"{use.title} of {use.manifest.kind} {use.manifest.name}"


def _version_part(use: _Use) -> str:
    """The piece of the image's text that names its version; the repository where nothing does."""
    return use.image.tag or use.image.digest or _repository_text(use.text, use.image)


def _unlike(subject: Subject, use: _Use, usual: _Use, found: str, expected: str) -> Breach:
    place, related = subject.cause(use.manifest, *use.path, part=_version_part(use))
    other, _ = subject.cause(usual.manifest, *usual.path, part=_version_part(usual))
    return Breach(
        place,
        found,
        expected,
        use.manifest.object_id,
        use.manifest.field(*use.path),
        (*related, Related(other, _where(usual))),
        cause=f"image {use.image.repository} of {use.manifest.object_id} {use.manifest.field(*use.path)}",
    )


@check()
def image_tag_below_repository(subject: Subject) -> Iterator[Result]:
    """An image's repository is overridden and its tag comes from a layer below

    Why: The tag was chosen for the repository that the lower layer names. With another repository it may not exist, or
    be another build; and when the chart's default is raised, this environment is rolled out with it.

    Fix: Set the tag in the layer that sets the repository, or in one above it.
    """
    if not subject.section(Images).tag_with_repository:
        yield NotApplicable()
        return
    renders = {render.source.index: render for render in subject.app.renders if render.type is SourceType.HELM}
    uses = [use for use in _own_uses(subject) if use.manifest.source_index in renders]
    if not uses:
        yield NotApplicable()
    for use in uses:
        yield from _below(subject, use, renders[use.manifest.source_index])


def _below(subject: Subject, use: _Use, render: Render) -> Iterator[Result]:
    """The breach of one image, if its tag comes from below its repository; by effect, as the layers have it."""
    name, version = _repository_text(use.text, use.image), use.image.tag or use.image.digest
    if not version or _stand_together(render, {name, version}):
        return
    repository, rendered = subject.cause(use.manifest, *use.path, part=name)
    upper = _layer_of(render, repository)
    if upper is None or render.layers[upper].kind is LayerKind.CHART:
        return
    tag, _ = subject.cause(use.manifest, *use.path, part=version)
    lower = _layer_of(render, tag)
    if lower is not None and lower >= upper:
        return
    key = use.manifest.field(*use.path)
    expected = f"the tag in {render.layers[upper].file} or above it"
    if lower is None and _may_hold(render.layers, version):
        found = f"no single line was found that sets the tag {version} in {use.title}"
        yield Unchecked(repository, found, expected, use.manifest.object_id, key, rendered)
        return
    origin = render.layers[lower].file if lower is not None else "the chart itself"
    found = f"repository set here, tag {version} in {use.title} from {origin}"
    related = (*rendered, *((Related(tag, "sets the tag"),) if lower is not None else ()))
    asked = subject.policy_entry("images", "tagWithRepository")
    yield Breach(repository, found, expected, use.manifest.object_id, key, (*related, *asked), cause=f"{repository}")


def _stand_together(render: Render, texts: set[str]) -> bool:
    """Whether one mapping of one layer has the texts that the image is made of: that needs no further render."""
    beside: dict[tuple[int, Path], set[object]] = {}
    for layer, path, leaf in effective_leaves(render.layers):
        if isinstance(leaf.value, str):
            beside.setdefault((id(layer), path[:-1]), set()).add(leaf.value)
    return any(texts <= found for found in beside.values())


def _layer_of(render: Render, place: Place) -> int | None:
    """The position of the layer that a line stands in; None for a line of a template, or none."""
    if not place.exact:
        return None
    for position in range(len(render.layers) - 1, -1, -1):
        layer = render.layers[position]
        if (layer.entry == place) if is_parameter(layer) else (layer.node.file == place.file):
            return position
    return None


def _may_hold(layers: tuple[ValuesLayer, ...], text: str) -> bool:
    """Whether some value makes up most of a text, so that the text need not come from the chart."""
    leaves = (str(leaf.value) for layer in layers for _, leaf in layer.node.leaves())
    return any(value in text and len(value) * 2 > len(text) for value in leaves)


# With what an image is pulled


@dataclass(frozen=True, slots=True)
class _Pull:
    """Whether a Pod has a pull secret: its own or its ServiceAccount's; None where the account is not known."""

    has: bool | None
    account: str


@check()
def private_image_without_pull_secret(subject: Subject) -> Iterator[Result]:
    """An image of a private registry is pulled without a pull secret

    Why: The kubelet asks the registry without credentials and ends in ImagePullBackOff. A Pod's imagePullSecrets count,
    and where it has none those of its ServiceAccount (kubernetes: plugin/pkg/admission/serviceaccount).

    Fix: Name the pull secret in the Pod's imagePullSecrets, or in those of its ServiceAccount.
    """
    registries = subject.section(Images).private_registries
    private = _by_pod(use for use in _own_uses(subject) if any(map(use.image.is_below, registries)))
    if not private:
        yield NotApplicable()
    for manifest, uses in private:
        pull = _pull(subject, subject.app, manifest)
        if pull.has:
            continue
        found = _without_secret(uses, pull)
        breach = _without(subject, manifest, uses, found, "imagePullSecrets of the Pod or of its ServiceAccount")
        breach = with_related(breach, subject.policy_entry("images", "privateRegistries"))
        if pull.has is False:
            yield breach
            continue
        account = graph_of(subject).state_of(Target("", "ServiceAccount", manifest.target_namespace, pull.account))
        if account.state is State.ABSENT and is_complete(subject, "ServiceAccount"):
            continue  # service-account-missing tells: there will be no Pod that could pull anything
        yield Unchecked(
            breach.place,
            f"{breach.found}, which is not among what is rendered",
            breach.expected,
            breach.object,
            breach.field,
            breach.related,
            cause=incomplete(account.incomplete) if account.incomplete else "",
        )


@check(severity=Severity.NOTE)
def image_without_usual_pull_secret(subject: Subject) -> Iterator[Result]:
    """An image is pulled without the Secret that others of its registry are pulled with

    Why: One Pod of the environment brings a pull secret for this registry, this one brings none. If the registry is
    private, the kubelet ends in ImagePullBackOff here, unless the node has credentials of its own.

    Fix: Name the pull secret here too. Say in policy under images.privateRegistries that the registry is private, and
    it is an error.
    """
    private = subject.section(Images).private_registries
    others = subject.once(_pulled_with_secret)
    judged = _by_pod(
        use for use in _own_uses(subject) if _project(use.image) in others and not any(map(use.image.is_below, private))
    )
    if not judged:
        yield NotApplicable()
    for manifest, uses in judged:
        pull = _pull(subject, subject.app, manifest)
        # Where the account is unknown there is nothing to suspect: that it is missing is told by itself.
        if pull.has is False:
            other = others[_project(uses[0].image)]
            found = _without_secret(uses, pull)
            breach = _without(subject, manifest, uses, found, f"a pull secret, as {_where(other)} has one")
            yield with_related(breach, (Related(other.manifest.place_of("kind"), "pulls with a Secret"),))


def _by_pod(uses: Iterable[_Use]) -> list[tuple[Manifest, list[_Use]]]:
    pods: dict[int, tuple[Manifest, list[_Use]]] = {}
    for use in uses:
        pods.setdefault(id(use.manifest), (use.manifest, []))[1].append(use)
    return list(pods.values())


def _without_secret(uses: list[_Use], pull: _Pull) -> str:
    more = f" and {len(uses) - 1} more" if len(uses) > 1 else ""
    return f"{uses[0].image.repository} in {uses[0].title}{more}; the Pod runs as ServiceAccount {pull.account}"


def _without(subject: Subject, manifest: Manifest, uses: list[_Use], found: str, expected: str) -> Breach:
    path = (*(manifest.pod_spec_path or ()), "imagePullSecrets")
    use = uses[0]
    part = _repository_text(use.text, use.image)
    return subject.breach(manifest, path, f"no pull secret for {found}", expected, anchor=use.path, part=part)


def _pull(subject: Subject, loaded: LoadedApplication, manifest: Manifest) -> _Pull:
    """With what a Pod's images are pulled, as far as anything rendered tells."""
    spec = manifest.pod_spec_path or ()
    name = manifest.get(*spec, "serviceAccountName") or manifest.get(*spec, "serviceAccount") or "default"
    account = str(name)
    if _names_secret(manifest.get(*spec, "imagePullSecrets")):
        return _Pull(True, account)
    accounts = subject.once(_accounts)
    found = accounts.get((_cluster(loaded), manifest.target_namespace, account))
    if found is not None:
        return _Pull(_names_secret(found.get("imagePullSecrets")), account)
    # Every namespace has a default account, and Kubernetes gives it no pull secret.
    surely_none = account == "default" and subject.once(_all_complete)
    return _Pull(False if surely_none else None, account)


def _names_secret(listed: Any) -> bool:
    return isinstance(listed, list) and any(isinstance(entry, dict) and entry.get("name") for entry in listed)


def _cluster(loaded: LoadedApplication) -> str:
    return loaded.application.destination.server or loaded.application.destination.name


def _all_complete(subject: Subject) -> bool:
    return all(loaded.complete for loaded in subject.environment.applications)


def _accounts(subject: Subject) -> dict[tuple[str, str, str], Manifest]:
    """Every rendered ServiceAccount by cluster, namespace and name."""
    return {
        (_cluster(loaded), manifest.target_namespace, manifest.name): manifest
        for loaded in subject.environment.applications
        for manifest in loaded.manifests
        if (manifest.group, manifest.kind) == ("", "ServiceAccount")
    }


def _project(image: Image) -> tuple[str, str]:
    """A registry and the first part of the path, which is what most registries make private as a whole."""
    return image.registry, image.path.partition("/")[0]


def _pulled_with_secret(subject: Subject) -> dict[tuple[str, str], _Use]:
    """The parts of registries that a Pod pulls with a Secret, and from nowhere else: so the Secret is for them."""
    found: dict[tuple[str, str], _Use] = {}
    for loaded in subject.environment.applications:
        for manifest, uses in _by_pod(subject.once(_by_application)[loaded.label]):
            projects = {_project(use.image) for use in uses}
            public = {registry for registry, _ in projects} & _PUBLIC_REGISTRIES
            if len(projects) == 1 and not public and _pull(subject, loaded, manifest).has:
                found.setdefault(projects.pop(), uses[0])
    return found


def unused_registries(subject: Subject) -> Iterator[Breach]:
    """The private registries of policy that no image comes from, where every Application is known in full."""
    registries = subject.section(Images).private_registries
    if not registries or not subject.once(_all_complete):
        return
    images = [use.image for use in _everywhere(subject)]
    for index, registry in enumerate(registries):
        if not any(image.is_below(registry) for image in images):
            place = subject.policy.place_of("images", "privateRegistries", index)
            field = f"images.privateRegistries.{registry}"
            yield Breach(place, f"no image comes from {registry}", "a registry that is in use", field=field)
