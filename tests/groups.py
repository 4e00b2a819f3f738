"""Which worker runs which test: those that share something dear to set up are run by one, others by whoever is free.

By files, because that is all the scheduler knows: xdist's own groups, by mark, do not reach it under pytest 9.2.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

#: Fixtures that take long to set up, or that take processor time as long as they are there.
DEAR = ("api_server", "control_plane", "wheel")

# The deploy script takes longest; its two halves have a control plane each.
_GROUPS = {
    "deploy, first half": ("deploy/test_argocd.py", "deploy/test_helm.py"),
    "deploy, second half": ("deploy/test_faults.py", "deploy/test_interrupted.py", "deploy/test_readme.py"),
    "control plane": (
        "agreement/test_real_servers.py",
        "controlplane/test_control_plane.py",
        "controlplane/test_operators.py",
        "drift/test_deliveries.py",
        "drift/test_live_health.py",
        "drift/test_kinds_of_drift.py",
        "test_status.py",
    ),
    "API server": (
        "controlplane/test_api_server.py",
        "controlplane/test_endings.py",
        "drift/test_canaries.py",
        "drift/test_command_failures.py",
        "drift/test_drift_command.py",
        "drift/test_reading.py",
        "drift/test_recording.py",
        "drift/test_without_argocd.py",
        "live/test_cluster_command.py",
        "live/test_connection.py",
        "live/test_kubeconfig.py",
        "live/test_preflight.py",
        "live/test_rbac.py",
        "live/test_reading.py",
    ),
    "wheel": ("test_wheel.py",),
}
GROUP_OF = {f"tests/{file}": group for group, files in _GROUPS.items() for file in files}


class Groups(LoadScopeScheduling):
    """Hands out whole groups, those with the most tests first, and every other test by itself."""

    def _split_scope(self, nodeid: str) -> str:
        return GROUP_OF.get(nodeid.partition("::")[0], nodeid)
