"""The differences that are known, and the reasons for having no answer; rendering has a module of its own."""

from __future__ import annotations

from tests.agreement import known_rendering
from tests.agreement.known_words import Known, Untold

_PAIRS = "tests/agreement/test_generated.py::test_driftgate_says_what_argo_cd_says"

KNOWN: tuple[Known, ...] = (
    Known(
        "pairs",
        "With a server-side comparison (`ServerSideDiff=true`) driftgate has no verdict.",
        "Argo CD asks the API server for a dry run, and driftgate asks a cluster for nothing but what is there.",
        "tests/agreement/test_real_servers.py::test_what_only_the_server_can_tell_is_not_claimed",
    ),
    Known(
        "pairs",
        "Values that a `managedFieldsManagers` rule takes out of a version that the cluster does not serve.",
        "Argo CD reads the types from the cluster, driftgate has those of one release.",
        "tests/agreement/test_generated.py::test_retired_api_versions_are_filled_in_alike",
    ),
    Known(
        "order",
        "Argo CD moves a Namespace and a CRD up to what needs it first; driftgate leaves them in their wave.",
        "A wave is what somebody wrote, and findings are about that; what is moved up never comes too late.",
        "tests/agreement/test_order.py::test_a_namespace_moves_up_to_what_is_inside",
    ),
    Known(
        "order",
        "In which order Argo CD deletes what is pruned is not compared.",
        "driftgate does not say in which order objects go.",
        "tests/agreement/test_order.py::test_driftgate_orders_a_sync_as_argo_cd_does",
    ),
    Known(
        "health",
        "Kinds with a script that driftgate does not have are listed as not judged; neither is a kind that a script in"
        " `argocd-cm` judges.",
        "Argo CD brings 293 scripts, of which driftgate follows those of Kubernetes, cert-manager, External Secrets and"
        " ApplicationSets. It executes none.",
        "tests/agreement/test_health.py::test_every_script_that_is_not_known_makes_a_kind_unjudged",
    ),
    Known(
        "health",
        "Where Argo CD's rule fails on an object, both say Unknown; the text of the error may be shorter here.",
        "It names lines of a script, or the words of a Go library.",
        "tests/agreement/test_health.py::test_driftgate_says_what_argo_cd_says",
    ),
    *known_rendering.KNOWN,
)

UNTOLD: tuple[Untold, ...] = (
    Untold(
        "pairs",
        "could not check: a jq expression takes jq itself",
        "The language has more than driftgate evaluates: reduce, foreach, functions of one's own, assignments, regular"
        " expressions beyond plain ones, and functions whose result might pass for the place where it stands. The pairs"
        " here have far more of these than rules that people write.",
        "tests/agreement/test_expressions.py::test_jq_expressions_take_out_the_same",
    ),
    Untold(
        "pairs",
        "could not check: only the API server can tell",
        "How a kind merges is published by the cluster alone.",
        _PAIRS,
    ),
    Untold(
        "old-versions",
        "could not check: the defaults of an old API version are not known",
        "CertificateSigningRequests of `v1beta1`: what is filled in depends on the bytes of the request.",
        "tests/agreement/test_generated.py::test_retired_api_versions_are_filled_in_alike",
    ),
    *known_rendering.UNTOLD,
)
