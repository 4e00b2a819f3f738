"""Credentials in the files, and faults in what Secrets hold."""

from __future__ import annotations

import base64

from driftgate.model.outcome import Severity
from tests.e2e.seeding import API, OPENBAO, POLICY, At, Row, added, appended, replaced, several

API_VALUES = f"{API}/values-stg.yaml"
OPENBAO_VALUES = f"{OPENBAO}/values-staging.yaml"
ORIGINS = "  CORS_ORIGINS: https://stg.cocdev.co.kr,https://llm.cocdev.co.kr\n"
SCRIPT = "scripts/notify.sh"
WITH_SCRIPT = (added(SCRIPT, "#!/bin/sh\n"),)
# Made up, in the form of the vendor.
TOKEN = "glpat-" + "Vq7RzT2nKd9sYhB4mXw6"
TEMPLATE = """\
apiVersion: v1
kind: Secret
metadata:
  name: plate-api-extra
  namespace: {{ .Release.Namespace }}
type: {{ .Values.extra.type }}
data:
  {{- toYaml .Values.extra.data | nindent 2 }}
stringData:
  {{- toYaml .Values.extra.text | nindent 2 }}
"""
VALUES = """\

extra:
  type: cocdev.co.kr/greeting
  data:
    greeting: aGVsbG8gdGhlcmU=
  text:
    farewell: good night
"""
GREETING = "    greeting: aGVsbG8gdGhlcmU=\n"
FAREWELL = "    farewell: good night\n"
# The environment keeps its secrets in OpenBao; the chart of plate-api gets a Secret of its own to have faults in.
WITH_SECRET = (
    several(
        added(f"{API}/templates/secret.yaml", TEMPLATE),
        appended(API_VALUES, VALUES),
        replaced(f"{API}/values.yaml", "  - plate-api-secrets\n", "  - plate-api-secrets\n  - plate-api-extra\n"),
    ),
)


def coded(text: str | bytes) -> str:
    """A text in base64."""
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def secret(check: str, old: str, new: str, innocent: str, marker: str, severity: Severity = Severity.WARNING) -> Row:
    """A row about one line of the values that the Secret is made of."""
    return Row(
        check,
        replaced(API_VALUES, old, new),
        At(API_VALUES, marker),
        replaced(API_VALUES, old, innocent),
        severity=severity,
        given=WITH_SECRET,
    )


ROWS = (
    Row(
        "credential-in-git",
        replaced(API_VALUES, ORIGINS, f"{ORIGINS}  CACHE: redis://:s3rpentine@redis.plate-stg.svc:6379/0\n"),
        At(API_VALUES, "s3rpentine@redis.plate-stg.svc:6379/0"),
        replaced(API_VALUES, ORIGINS, f"{ORIGINS}  CACHE: redis://redis.plate-stg.svc:6379/0\n"),
    ),
    Row(
        "credential-in-git",
        appended(SCRIPT, f"curl --header 'PRIVATE-TOKEN: {TOKEN}' https://gitlab.cocdev.co.kr/api/v4/user\n"),
        At(SCRIPT, TOKEN),
        appended(SCRIPT, 'curl --header "PRIVATE-TOKEN: $TOKEN" https://gitlab.cocdev.co.kr/api/v4/user\n'),
        given=WITH_SCRIPT,
    ),
    # In base64, in a comment, and allowed by policy beside it.
    Row(
        "credential-in-git",
        appended(OPENBAO_VALUES, f"# {coded(f'bao login {TOKEN} now')}\n"),
        At(OPENBAO_VALUES, coded(f"bao login {TOKEN} now")),
        several(
            appended(OPENBAO_VALUES, f"# {coded(f'bao login {TOKEN} now')}\n"),
            appended(
                POLICY, f"\nsecrets:\n  allowed:\n    - files: {OPENBAO_VALUES}\n      reason: A token of a trial.\n"
            ),
        ),
    ),
    Row(
        "credential-suspected",
        replaced(API_VALUES, ORIGINS, f"{ORIGINS}  SMTP_PASSWORD: s3rpentine\n"),
        At(API_VALUES, "  SMTP_PASSWORD: s3rpentine"),
        replaced(API_VALUES, ORIGINS, f"{ORIGINS}  SMTP_PASSWORD_FILE: /run/smtp/password\n"),
    ),
    Row(
        "credential-suspected",
        appended(SCRIPT, "BAO_TOKEN='s3rpentine'\nexport BAO_TOKEN\n"),
        At(SCRIPT, "BAO_TOKEN='s3rpentine'"),
        appended(SCRIPT, 'BAO_TOKEN="$(cat "$1")"\nexport BAO_TOKEN\n'),
        given=WITH_SCRIPT,
    ),
    secret(
        "secret-value-in-git",
        FAREWELL,
        "    password: good night\n",
        "    farewell: good evening\n",
        "    password: good night",
        Severity.ERROR,
    ),
    secret(
        "secret-data-not-base64",
        GREETING,
        "    greeting: hello there\n",
        "    greeting: aGVsbG8gYWdhaW4=\n",
        "    greeting: hello there",
        Severity.ERROR,
    ),
    secret(
        "secret-data-double-encoded",
        GREETING,
        f"    greeting: {coded(coded('hello there'))}\n",
        f"    greeting: {coded('configuration of plate')}\n",
        coded(coded("hello there")),
    ),
    secret(
        "secret-data-trailing-newline",
        GREETING,
        f"    greeting: {coded('hello' + chr(10))}\n",
        f"    greeting: {coded('hello' + chr(10) + 'there' + chr(10))}\n",
        f"    greeting: {coded('hello' + chr(10))}",
    ),
    secret(
        "secret-data-empty",
        FAREWELL,
        '    farewell: ""\n',
        '    farewell: " "\n',
        '    farewell: ""',
    ),
    secret(
        "secret-placeholder",
        FAREWELL,
        "    farewell: changeme\n",
        "    farewell: change is good\n",
        "    farewell: changeme",
    ),
    secret(
        "secret-key-set-twice",
        FAREWELL,
        f"{FAREWELL}    greeting: hello again\n",
        f"{FAREWELL}    greetings: hello again\n",
        "    greeting: aGVsbG8gdGhlcmU=",
    ),
    secret(
        "secret-type-unmet",
        "  type: cocdev.co.kr/greeting\n",
        "  type: kubernetes.io/basic-auth\n",
        "  type: cocdev.co.kr/basic-auth\n",
        "  type: kubernetes.io/basic-auth",
        Severity.ERROR,
    ),
    secret(
        "secret-content-unexpected",
        f"  type: cocdev.co.kr/greeting\n  data:\n{GREETING}",
        f"  type: kubernetes.io/basic-auth\n  data:\n    username: {coded(bytes(range(200, 212)))}\n",
        f"  type: kubernetes.io/basic-auth\n  data:\n    username: {coded('plate')}\n",
        coded(bytes(range(200, 212))),
    ),
)
