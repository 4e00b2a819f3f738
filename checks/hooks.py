"""Hooks, and annotations that would stop the whole Application."""

from __future__ import annotations

from collections.abc import Iterator

from driftgate.checks.sync_options import AnnotationHolder

from driftgate.judge import NotApplicable, Result, Subject, check
from driftgate.model.outcome import Severity
from driftgate.model.secret import SecretValue
from driftgate.policy import ArgoCDSection
from driftgate.semantics.hooks import HELM_HOOK_ANNOTATION, HOOK_ANNOTATION, hook_types
from driftgate.semantics.sync_waves import SYNC_WAVE_ANNOTATION

_ANNOTATIONS = ("metadata", "annotations")
_DELETE_POLICIES = {
    "argocd.argoproj.io/hook-delete-policy": ("BeforeHookCreation", "HookSucceeded", "HookFailed"),
    "helm.sh/hook-delete-policy": ("before-hook-creation", "hook-succeeded", "hook-failed"),
}


@check()
def hook_type_unknown(subject: Subject) -> Iterator[Result]:
    """A hook has a type that Argo CD does not know

    Why: The annotation alone makes the object a hook, and a hook without a valid type is neither applied nor compared:
    it is missing in the cluster and nothing says so (argo-cd: gitops-engine/pkg/sync/hook/hook.go). Helm's test and
    rollback hooks are known and left out on purpose.

    Fix: Write PreSync, Sync, PostSync, SyncFail, PreDelete, PostDelete or Skip, with these capitals; or a hook of Helm.
    """
    hooks = [
        manifest
        for manifest in subject.manifests
        if {HOOK_ANNOTATION, HELM_HOOK_ANNOTATION} & set(manifest.annotations)
    ]
    if not hooks:
        yield NotApplicable()
    for manifest in hooks:
        verdict = hook_types(manifest.annotations)
        effect = (
            "the object is never applied" if verdict.ignored else f"only {', '.join(verdict.types) or 'Skip'} counts"
        )
        holder = AnnotationHolder(subject, manifest)
        for annotation in (HOOK_ANNOTATION, HELM_HOOK_ANNOTATION):
            for item in dict.fromkeys(holder.items(annotation)):
                if item in verdict.unknown:
                    yield holder.breach(annotation, item, f"{item!r}: {effect}", "a type that Argo CD knows")
        if verdict.ignored and not holder.items(HOOK_ANNOTATION) and not holder.items(HELM_HOOK_ANNOTATION):
            yield holder.breach(
                verdict.annotation or HOOK_ANNOTATION, "", f"no type: {effect}", "a type that Argo CD knows"
            )
        if "PreDelete" in verdict.types and not subject.policy.section(ArgoCDSection).is_at_least("3.3"):
            found = f"PreDelete, with Argo CD {subject.policy.section(ArgoCDSection).version}"
            yield holder.breach(verdict.annotation or HOOK_ANNOTATION, "PreDelete", found, "Argo CD 3.3 or later")


@check(severity=Severity.WARNING)
def hook_delete_policy_unknown(subject: Subject) -> Iterator[Result]:
    """A hook has a delete policy that Argo CD does not know

    Why: Unknown policies are ignored, and a hook without a valid one is deleted only before it is created again: a Job
    that was to go once it succeeded stays (argo-cd: gitops-engine/pkg/sync/hook/delete_policy.go).

    Fix: Write one of the policies that are named.
    """
    hooks = [AnnotationHolder(subject, m) for m in subject.manifests if hook_types(m.annotations).is_hook]
    if not any(hook.items(annotation) for hook in hooks for annotation in _DELETE_POLICIES):
        yield NotApplicable()
    for hook in hooks:
        for annotation, known in _DELETE_POLICIES.items():
            for item in dict.fromkeys(hook.items(annotation)):
                if item not in known:
                    yield hook.breach(annotation, item, f"{item!r}", " or ".join(known))


@check()
def annotation_not_string(subject: Subject) -> Iterator[Result]:
    """An annotation of a rendered object is not a string

    Why: Argo CD cannot put its tracking annotation beside it, and one such value on any object fails the manifest
    generation of the whole Application; only CustomResourceDefinitions are not tracked and escape
    (argo-cd: util/kube/kube.go SetAppInstanceAnnotation).

    Fix: Quote the value in the manifest, or pass it through quote in the template.
    """
    judged = [manifest for manifest in subject.manifests if manifest.kind != "CustomResourceDefinition"]
    if not judged:
        yield NotApplicable()
    for manifest in judged:
        for name, value in manifest.annotations.items():
            # A wave has its own check, and of a child Application the schema tells everything but null.
            told = name == SYNC_WAVE_ANNOTATION or (manifest.is_application and value is not None)
            if not (isinstance(value, str | SecretValue) or told):
                path = (*_ANNOTATIONS, name)
                yield subject.breach(manifest, path, f"{_kind_of(value)}", "a string in quotes")


def _kind_of(value: object) -> str:
    """What YAML made of it, without the value, which may be anybody's."""
    if value is None:
        return "nothing, which is null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "a mapping"
