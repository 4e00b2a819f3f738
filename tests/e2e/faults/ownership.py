"""Faults in who owns what."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import INGRESS, LLM, At, Row, replaced

ROUTES = f"{INGRESS}/values-stg.yaml"
CONSOLE = '    clusterIssuer: ""\n    paths:\n      - path: /api\n'
LLM_SECRET = "    secretName: llm-cocdev-co-kr-tls\n"

ROWS = (
    # The llm host is split path by path between the two charts; `/` is plate-llm's own.
    Row(
        "ingress-path-claimed-twice",
        replaced(ROUTES, CONSOLE, CONSOLE.replace("/api", "/")),
        At(f"{LLM}/values-stg.yaml", "  host: llm.cocdev.co.kr\n  path: /"),
        replaced(ROUTES, CONSOLE, CONSOLE.replace("/api", "/console")),
        severity=Severity.WARNING,
    ),
    Row(
        "ingress-host-tls-differs",
        replaced(ROUTES, "    tlsSecretName: llm-cocdev-co-kr-tls\n", "    tlsSecretName: llm-cocdev-co-kr\n"),
        At(f"{LLM}/values-stg.yaml", LLM_SECRET),
        replaced(ROUTES, "    tlsSecretName: llm-cocdev-co-kr-tls\n", '    tlsSecretName: "llm-cocdev-co-kr-tls"\n'),
        severity=Severity.WARNING,
    ),
)
