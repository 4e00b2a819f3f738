"""Faults in whether every Application is there, known to Argo CD, and allowed."""

from __future__ import annotations

from driftgate.model.outcome import Outcome
from tests.e2e.seeding import (
    API_APP,
    APPS,
    POLICY,
    REPOSITORY,
    ROOT,
    WEB,
    WEB_APP,
    At,
    Row,
    added,
    appended,
    deleted,
    for_web,
    linked,
    renamed,
    replaced,
    rewritten,
    with_crlf,
)

ARGOCD = "environments/argocd"
URL = "https://github.com/cocdev/plate-gitops.git"
MIRROR = "https://git.example.com/cocdev/plate-gitops.git"
WEB_URL = f"    repoURL: {URL}\n"
WEB_PATH = "    path: helm/applications/plate-web\n"
REVISION = "    targetRevision: main\n"
HISTORY = "  revisionHistoryLimit: 5\n"
PROJECT = "  project: default\n"
LISTED = "        - values-stg.yaml\n"
FINALIZERS = "  finalizers:\n    - resources-finalizer.argocd.argoproj.io\n"
RELEASE = "      releaseName: plate-web-stg\n"
WITH_RELEASE = (replaced(WEB_APP, "      valueFiles:\n", f"{RELEASE}      valueFiles:\n"),)
FENCE = f"{ARGOCD}/plate-project.yaml"
A_PROJECT = added(
    FENCE,
    f"""\
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata:
  name: plate
  namespace: argocd
spec:
  sourceRepos:
    - {URL}
  destinations:
    - server: https://kubernetes.default.svc
      namespace: plate-stg
""",
)
BATCH = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n"
APPLICATION_SET = """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata:
  name: previews
  namespace: argocd
spec:
  generators: []
  template:
    metadata: {name: preview}
    spec: {}
"""


def _text(file: str) -> str:
    return (REPOSITORY / file).read_text(encoding="utf-8")


ROWS = (
    Row(
        "application-missing",
        deleted(WEB_APP),
        At(POLICY, "  - plate-web-stg"),
        with_crlf(WEB_APP),
    ),
    Row(
        "application-missing",
        replaced(POLICY, "inventory:\n", "inventory:\n  - plate-batch-stg\n"),
        At(POLICY, "  - plate-batch-stg"),
        replaced(POLICY, "inventory:\n", "inventory:\n  # - plate-batch-stg\n"),
    ),
    Row(
        "application-unexpected",
        replaced(POLICY, "  - plate-web-stg\n", ""),
        At(WEB_APP, "  name: plate-web-stg"),
        replaced(POLICY, "  - plate-web-stg\n", '  - "plate-web-stg"\n'),
    ),
    # The check that would tell is off, with a reason; that the root is not known in full must be said all the same.
    Row(
        "application-not-rendered",
        added(f"{APPS}/preview.jsonnet", "{}\n"),
        At(ROOT, "  name: app-of-apps-stg"),
        added(f"{APPS}/preview.jsonnet.orig", "{}\n"),
        given=(
            replaced(
                POLICY, "\nchecks:\n", '\nchecks:\n  source-jsonnet: {severity: "off", reason: 아직 쓰지 않는다}\n'
            ),
        ),
    ),
    Row(
        "application-name-duplicate",
        added(f"{ARGOCD}/root.yaml", _text(ROOT)),
        At(f"{ARGOCD}/root.yaml", "  name: app-of-apps-stg"),
        added(f"{ARGOCD}/root.yaml.orig", _text(ROOT)),
    ),
    Row(
        "application-name-duplicate",
        added(f"{APPS}/web.yaml", _text(WEB_APP)),
        At(f"{APPS}/web.yaml", "  name: plate-web-stg"),
        added(f"{APPS}/web.yaml.orig", _text(WEB_APP)),
    ),
    Row(
        "manifest-empty",
        added(f"{APPS}/plate-batch-stg.yaml", "# plate-batch: 아직 없음\n"),
        At(f"{APPS}/plate-batch-stg.yaml"),
        added(f"{APPS}/plate-batch-stg.txt", "# plate-batch: 아직 없음\n"),
    ),
    Row(
        "manifest-empty",
        rewritten(WEB_APP, lambda text: text.partition("apiVersion")[0]),
        At(WEB_APP),
        rewritten(WEB_APP, lambda text: "---\n" + text),
    ),
    Row(
        "application-unreachable",
        renamed(WEB_APP, f"{ARGOCD}/plate-web-stg.yaml"),
        At(f"{ARGOCD}/plate-web-stg.yaml", "  name: plate-web-stg"),
        renamed(WEB_APP, f"{APPS}/web.yaml"),
    ),
    Row(
        "application-set-not-expanded",
        added(f"{ARGOCD}/previews.yaml", APPLICATION_SET),
        At(f"{ARGOCD}/previews.yaml", "  name: previews"),
        added(f"{ARGOCD}/previews.yaml", APPLICATION_SET.replace("ApplicationSet", "ApplicationSetting")),
        outcome=Outcome.COULD_NOT_CHECK,
    ),
    Row(
        "application-field-unknown",
        replaced(WEB_APP, HISTORY, "  revisionHistory: 5\n"),
        At(WEB_APP, "  revisionHistory: 5"),
        replaced(WEB_APP, HISTORY, "  'revisionHistoryLimit': 5\n"),
    ),
    Row(
        "application-field-invalid",
        replaced(WEB_APP, HISTORY, '  revisionHistoryLimit: "5"\n'),
        At(WEB_APP, '  revisionHistoryLimit: "5"'),
        replaced(WEB_APP, HISTORY, "  revisionHistoryLimit: 0x5\n"),
    ),
    Row(
        "application-project-unexpected",
        replaced(WEB_APP, PROJECT, "  project: plate\n"),
        At(WEB_APP, "  project: plate"),
        replaced(WEB_APP, PROJECT, '  project: "default"\n'),
        given=(A_PROJECT,),
    ),
    Row(
        "application-project-missing",
        replaced(WEB_APP, PROJECT, "  project: plates\n"),
        At(WEB_APP, "  project: plates"),
        replaced(WEB_APP, PROJECT, "  project: ''\n"),
        outcome=Outcome.COULD_NOT_CHECK,
        given=(A_PROJECT, for_web("    projects: {allowed: []}\n")),
    ),
    Row(
        "application-project-forbids",
        replaced(FENCE, "      namespace: plate-stg\n", "      namespace: plate-stg-*\n"),
        At(WEB_APP, "  destination:"),
        replaced(FENCE, "      namespace: plate-stg\n", "      namespace: plate-*\n"),
        given=(
            A_PROJECT,
            for_web("    projects: {allowed: [plate]}\n"),
            replaced(WEB_APP, PROJECT, "  project: plate\n"),
        ),
    ),
    Row(
        "source-repository-unexpected",
        replaced(WEB_APP, WEB_URL, f"    repoURL: {MIRROR}\n"),
        At(WEB_APP, f"    repoURL: {MIRROR}"),
        replaced(WEB_APP, WEB_URL, f"    repoURL: {URL.removesuffix('.git')}\n"),
        given=(replaced(POLICY, f"  urls: [{URL}]\n", f"  urls: [{URL}, {MIRROR}]\n"),),
    ),
    Row(
        "source-revision-unexpected",
        replaced(WEB_APP, REVISION, "    targetRevision: maintenance\n"),
        At(WEB_APP, "    targetRevision: maintenance"),
        replaced(WEB_APP, REVISION, '    targetRevision: "main"\n'),
    ),
    Row(
        "source-incomplete",
        replaced(WEB_APP, WEB_PATH, ""),
        At(WEB_APP, "  source:"),
        replaced(WEB_APP, WEB_PATH, "    path: helm/applications/plate-web/\n"),
    ),
    Row(
        "source-placeholder",
        replaced(WEB_APP, WEB_PATH, "    path: helm/applications/<NAME>\n"),
        At(WEB_APP, "    path: helm/applications/<NAME>"),
        replaced(WEB_APP, WEB_PATH, f"{WEB_PATH.rstrip()} # helm/applications/<NAME>\n"),
        outcome=Outcome.COULD_NOT_CHECK,
    ),
    Row(
        "source-path-missing",
        replaced(WEB_APP, WEB_PATH, "    path: helm/applications/plate_web\n"),
        At(WEB_APP, "    path: helm/applications/plate_web"),
        replaced(WEB_APP, WEB_PATH, "    path: ./helm/applications/plate-web\n"),
    ),
    Row(
        "source-path-missing",
        replaced(ROOT, "    path: environments/argocd/apps\n", "    path: environments/argocd/app\n"),
        At(ROOT, "    path: environments/argocd/app\n"),
        replaced(ROOT, "    path: environments/argocd/apps\n", "    path: environments/argocd/apps/\n"),
    ),
    Row(
        "path-leaves-repository",
        replaced(WEB_APP, LISTED, f"{LISTED}        - ../../../../values-stg.yaml\n"),
        At(WEB_APP, "        - ../../../../values-stg.yaml"),
        replaced(WEB_APP, LISTED, f"        - ../../../{WEB}/values-stg.yaml\n"),
    ),
    Row(
        "path-leaves-repository",
        replaced(WEB_APP, WEB_PATH, "    path: helm/../../plate-web\n"),
        At(WEB_APP, "    path: helm/../../plate-web"),
        replaced(WEB_APP, WEB_PATH, "    path: helm/../helm/applications/plate-web\n"),
    ),
    Row(
        "source-pinned",
        replaced(WEB_APP, REVISION, "    targetRevision: v1.4.2\n"),
        At(WEB_APP, "    targetRevision: v1.4.2"),
        replaced(WEB_APP, REVISION, "    targetRevision: HEAD\n"),
        outcome=Outcome.COULD_NOT_CHECK,
        given=(for_web("    sources: {revisions: []}\n"),),
    ),
    Row(
        "source-remote",
        replaced(WEB_APP, WEB_URL, f"    repoURL: {MIRROR}\n"),
        At(WEB_APP, f"    repoURL: {MIRROR}"),
        replaced(WEB_APP, WEB_URL, "    repoURL: https://GitHub.com/cocdev/plate-gitops\n"),
        outcome=Outcome.COULD_NOT_CHECK,
        given=(for_web("    sources: {repositories: []}\n"),),
    ),
    Row(
        "source-type-ambiguous",
        replaced(WEB_APP, LISTED, f"{LISTED}    directory: {{recurse: true}}\n"),
        At(WEB_APP, "    directory: {recurse: true}"),
        replaced(WEB_APP, LISTED, f"{LISTED}    directory: null\n"),
    ),
    Row(
        "release-name-invalid",
        replaced(WEB_APP, RELEASE, f"      releaseName: {'a' * 54}\n"),
        At(WEB_APP, f"      releaseName: {'a' * 54}"),
        replaced(WEB_APP, RELEASE, f"      releaseName: {'a' * 53}\n"),
        given=WITH_RELEASE,
    ),
    Row(
        "symlink-out-of-repository",
        linked(f"{ARGOCD}/hosts.yaml", "/etc/hosts"),
        At(f"{ARGOCD}/hosts.yaml"),
        linked(f"{ARGOCD}/root.txt", "app-of-apps.yaml"),
    ),
    Row(
        "file-unreadable",
        linked(f"{ARGOCD}/root.yaml", "app-of-app.yaml"),
        At(f"{ARGOCD}/root.yaml"),
        linked(f"{ARGOCD}/root.txt", "app-of-app.yaml"),
    ),
    Row(
        "manifest-templated",
        added(f"{ARGOCD}/preview.yaml", f"{BATCH}  name: {{{{ .Values.name }}}}\n"),
        At(f"{ARGOCD}/preview.yaml", "{{ .Values.name }}"),
        added(
            f"{ARGOCD}/preview.yaml",
            f'{BATCH}  name: "{{{{ .Values.name }}}}"\nspec: {{}}\n'.replace("Application", "AppProject"),
        ),
        outcome=Outcome.COULD_NOT_CHECK,
        given=(A_PROJECT,),
    ),
    Row(
        "manifest-not-yaml",
        added(f"{ARGOCD}/preview.yaml", f"{BATCH}  name: preview: 1\n"),
        At(f"{ARGOCD}/preview.yaml", "  name: preview: 1"),
        added(
            f"{ARGOCD}/preview.yaml",
            f"{BATCH}  name: 'preview: 1'\nspec: {{}}\n".replace("Application", "AppProject"),
        ),
        given=(A_PROJECT,),
    ),
    Row(
        "manifest-not-yaml",
        replaced(WEB_APP, PROJECT, "\tproject: default\n"),
        At(WEB_APP, "\tproject: default"),
        replaced(WEB_APP, PROJECT, "  project:\tdefault\n"),
    ),
    Row(
        "manifest-duplicate-key",
        replaced(WEB_APP, PROJECT, f"{PROJECT}  project: default # 다시\n"),
        At(WEB_APP, "  project: default # 다시"),
        replaced(WEB_APP, PROJECT, f"{PROJECT}  # project: default\n"),
    ),
    Row(
        "manifest-without-kind",
        appended(WEB_APP, "---\napiVersion: v1\nmetadata:\n  name: batch\n"),
        At(WEB_APP, "---\napiVersion: v1"),
        appended(WEB_APP, "---\n# batch\n"),
    ),
    Row(
        "finalizer-unknown",
        replaced(WEB_APP, FINALIZERS, FINALIZERS.replace("resources-", "resource-")),
        At(WEB_APP, "    - resource-finalizer.argocd.argoproj.io"),
        replaced(WEB_APP, FINALIZERS, f"{FINALIZERS}    - cleanup.example.com/finalizer\n"),
    ),
    Row(
        "finalizer-missing",
        replaced(WEB_APP, FINALIZERS, ""),
        At(WEB_APP, "metadata:"),
        replaced(WEB_APP, FINALIZERS, "  finalizers: ['resources-finalizer.argocd.argoproj.io']\n"),
    ),
    Row(
        "revision-history-limit-out-of-bounds",
        replaced(WEB_APP, HISTORY, "  revisionHistoryLimit: 11\n"),
        At(WEB_APP, "  revisionHistoryLimit: 11"),
        # Argo CD's default is 10, the highest value allowed.
        replaced(WEB_APP, HISTORY, ""),
    ),
    Row(
        "revision-history-limit-out-of-bounds",
        replaced(API_APP, HISTORY, "  revisionHistoryLimit: 2\n"),
        At(API_APP, "  revisionHistoryLimit: 2"),
        replaced(API_APP, HISTORY, "  revisionHistoryLimit: 3\n"),
    ),
    Row(
        "info-missing",
        replaced(
            WEB_APP, "    - name: domain\n      value: stg.cocdev.co.kr\n", "    - name: domain\n      value: ' '\n"
        ),
        At(WEB_APP, "  info:"),
        replaced(
            WEB_APP,
            "    - name: domain\n      value: stg.cocdev.co.kr\n",
            "    - value: stg.cocdev.co.kr\n      name: domain\n",
        ),
    ),
)
