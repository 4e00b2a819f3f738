"""Credentials are recognised by their form, told by kind and line, and never by value."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from driftgate.credentials import spot
from driftgate.credentials.spot import is_quiet
from driftgate.credentials.tree import MAX_BYTES, CredentialFinder
from driftgate.credentials.vendors import _FORMS, detectors, tokens
from driftgate.files import FileRoot
from driftgate.model.credentials import Spotted
from driftgate.report.terminal import terminal_report
from driftgate.repository.git import GitClone
from driftgate.semantics.secret_data import (
    decode_base64,
    has_stray_newline,
    is_double_encoded,
    is_placeholder,
    is_reference,
)
from driftgate.semantics.secret_names import may_be_literal, sounds_secret
from tests.reports import every_report
from tests.repositories import SETTINGS, application, chart, config_map, judged, write

# Made up, in the form of their vendors, and put together here so that no scanner takes this file for a leak.
GITLAB = "glpat-" + "Vq7RzT2nKd9sYhB4mXw6"
BODY = base64.b64encode(bytes(range(7, 120))).decode()
KEY = f"-----BEGIN RSA PRIVATE {'KEY'}-----\n{BODY[:64]}\n{BODY[64:128]}\n-----END RSA PRIVATE KEY-----\n"
URL = "postgres://shop:" + "Tr0ub4dor@db.shop.svc/shop"


def coded(text: str) -> str:
    """A text in base64."""
    return base64.b64encode(text.encode()).decode()


JWT = ".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"deploy"}', bytes(range(100, 132)))
)
SPOTTED = {
    "private key": (KEY, "private key"),
    "private key, indented": ("key: |\n  " + KEY.replace("\n", "\n  "), "private key"),
    "private key, escaped": (KEY.replace("\n", "\\n"), "private key"),
    "encrypted private key": (
        KEY.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1),
        "private key",
    ),
    "URL": (URL, "URL with a password"),
    "URL without user": ("redis://:" + "s3rpentine@redis:6379/0", "URL with a password"),
    "URL with a sign in it": ("amqp://shop:" + "pa$$word!1@mq", "URL with a password"),
    "GitLab": (f"token: {GITLAB}", "GitLab token"),
    "GitHub": ("ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6", "GitHub token"),
    "fine-grained GitHub": (
        "github_pat_" + "11ABCDEFG0hIjKlMnOpQrS_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6kL9nP2qR5tU8wX1zA4cD7fG",
        "GitHub token",
    ),
    "AWS": ("id: AKIA" + "Q3EGVZ7KDM2XWTPB", "AWS access key"),
    "AWS secret": (
        "aws_secret_access_key = " + "wJ4lrXUtnFEMI/K7MDENG/bPxRfiCYzq8Lm2Vd5T",
        "AWS secret key",
    ),
    "OpenBao": ("bao login s." + "Xa7Kq2ZpLm9RtYw4Bn6CvDs3", "OpenBao or Vault token"),
    "Vault": ("VAULT_TOKEN=hvs." + "CAESIJlWh2kq8Zr5Tn3Vb7Xy1Mc4Pd9", "OpenBao or Vault token"),
    "Slack": ("xoxb-" + "123456789012-1234567890123-aB3dE6gH9jK2mN5pQ8sT1vW4", "Slack token"),
    "JWT": (f"Authorization: Bearer {JWT}", "JSON Web Token"),
    "npm": ("//registry.example.com/:_authToken=" + "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "npm token"),
    "registry": (
        '{"auths": {"registry.example.com": {"auth": "' + coded("robot:Vq7RzT2nKd9s") + '"}}}',
        "container registry login",
    ),
    "registry in YAML": (
        r'"{\"auths\": {\"r.example.com\": {\"username\": \"x\", \"password\": \"Vq7RzT2nKd9s\"}}}"',
        "container registry login",
    ),
    "base64": (f"data: {coded('password is ' + GITLAB)}", "GitLab token in base64"),
    "base64 of base64": (f"data: {coded(coded('at ' + URL))}", "URL with a password in base64"),
    "key in base64": (f"tls.key: {coded(KEY)}", "private key in base64"),
    "CRLF": (f"a: b\r\ntoken: {GITLAB}\r\n", "GitLab token"),
}


@pytest.mark.parametrize("name", SPOTTED)
def test_a_credential_is_told_once_by_kind_and_line(name: str) -> None:
    """Each form is found on its line, as one kind, with whatever stands before and after it."""
    text, kind = SPOTTED[name]
    lead = 1 if name in ("private key, indented", "CRLF") else 0
    assert spot(f"first: line\n{text}\nlast: line\n".encode()) == (Spotted(2 + lead, kind),)


INNOCENT = {
    "digest": "image: registry.example.com/a@sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "UUID": "id: 0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    "certificate": f"-----BEGIN CERTIFICATE-----\n{BODY}\n-----END CERTIFICATE-----",
    "certificate in base64": coded(f"-----BEGIN CERTIFICATE-----\n{BODY}\n-----END CERTIFICATE-----"),
    "key of a manual": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "key in a template": "-----BEGIN PRIVATE KEY-----\n{{ .Values.key }}\n",
    "AWS manual": "AKIAIOSFODNN7EXAMPLE",
    "dummy": "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "URL template": "https://${USER}:${PASSWORD}@example.com https://$USER:$PASSWORD@example.com",
    "Helm template": "postgres://shop:{{ .Values.password }}@db/shop",
    "format": 'f"https://{user}:{password}@{host}" "https://%s:%s@%s"',
    "manual": "https://user:password@example.com https://<user>:<password>@example.com https://u:***@example.com",
    "port": "https://example.com:8443/@scope/x ssh://git@example.com:22/x.git http://[::1]:80/a@b",
    "prose": "s.replaceThisInTheTemplatesNow hf_is_a_prefix AAAA",
    "no token": "eyJub3QiOiJhIHRva2VuIn0.eyJhIjoiYiJ9",
    "path": "helm/shared/configs/openbao/secrets/manager/templates/externalsecrets",
}


@pytest.mark.parametrize("name", INNOCENT)
def test_what_looks_alike_is_left_alone(name: str) -> None:
    """Digests, certificates, templates, and what manuals print are no credentials."""
    assert spot(INNOCENT[name].encode()) == ()


# The library's pattern of Square allows a backslash, which no token has.
LETTERS = st.characters(codec="ascii", exclude_characters="\\")


@pytest.mark.parametrize("name", [*SPOTTED])
def test_no_credential_is_quiet(name: str) -> None:
    """The quick look, which nearly every file ends with, lets no credential pass."""
    assert not is_quiet(SPOTTED[name][0].encode())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_the_quick_look_knows_every_pattern_of_the_library(data: st.DataObject) -> None:
    """Whatever a detector of the library, or a form of ours, takes for a token passes the quick look before it."""
    patterns = [
        pattern for _, detector in detectors() for pattern in detector.denylist if "aws.{0" not in pattern.pattern
    ]
    pattern = data.draw(st.sampled_from([*patterns, *(re.compile(form) for _, form in _FORMS)]))
    text = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=LETTERS))
    # Vendors write theirs in lower case, whatever a pattern allows.
    line = f"key: {text.lower() if pattern.flags & re.IGNORECASE else text}"
    assume(any(True for _ in tokens(line)))  # some patterns match what is no token, such as a JWT without a header
    assert not is_quiet(line.encode())


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400))
def test_no_text_is_too_strange_to_be_searched(data: bytes) -> None:
    """Any bytes are searched without an error, and lines are those of the text."""
    assert all(1 <= one.line <= data.count(b"\n") + 1 for one in spot(data, script=True))


def test_two_credentials_of_one_line_are_two() -> None:
    """A token that two patterns match is told once, and two tokens beside each other twice."""
    found = spot(f"{GITLAB} {URL}\n{GITLAB}".encode())
    assert found == (Spotted(1, "GitLab token"), Spotted(1, "URL with a password"), Spotted(2, "GitLab token"))


SCRIPT = """\
export DB_PASSWORD='silver-Comet-8'
readonly API_TOKEN=amber-Falcon-77
TOKEN="$(cat token)"
TOKEN=${1:-}
PASSWORD=
SECRET_NAME=shop-db
kubectl create secret generic x --from-literal=password=marble-Otter-2 --from-literal=user=shop
argocd login --password "$PASSWORD" --auth-token=winter-Maple-6
DB_PASSWORD ?= copper-Meadow-3
"""


def test_scripts_are_suspected_by_the_names_of_their_variables() -> None:
    """Literals of variables and options count, with the name; what is read, passed on or left empty does not."""
    assert spot(SCRIPT.encode(), script=True) == (
        Spotted(1, "literal", "DB_PASSWORD"),
        Spotted(2, "literal", "API_TOKEN"),
        Spotted(7, "literal", "password"),
        Spotted(8, "literal", "auth-token"),
        Spotted(9, "literal", "DB_PASSWORD"),
    )
    assert spot(SCRIPT.encode()) == ()


@pytest.mark.parametrize(
    ("key", "sounds"),
    [
        *[(key, True) for key in (
            "password", "dbPassword", "DB_PASSWORD", "redis-password", "token", "accessToken", "API_TOKEN", "apiKey",
            "api_key", "OPENAI_API_KEY", "privateKey", "clientSecret", "client-secret", "passphrase", "SECRET_KEY",
            "AWS_SECRET_ACCESS_KEY", "token2", "ADMIN_PASS", "adminPasswd",
        )],
        *[(key, False) for key in (
            "passwordSecretKey", "existingSecret", "tokenReviewer", "secretKey", "secretName", "tokenPath", "keys",
            "automountServiceAccount", "passwordFile", "imagePullSecrets", "tokenTTL", "publicKey", "compass", "",
            "key", "secret", "tlsSecret", "bypass", "author",
        )],
    ],
)  # fmt: skip
def test_a_key_sounds_secret_by_its_last_words(key: str, sounds: bool) -> None:
    """Names of credentials are told from what names, switches or locates one."""
    assert sounds_secret(key) is sounds


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        *[(value, True) for value in ("s3ven-bridges", "Tr0ub4dor&3", "admin", "correct horse battery", 123456)],
        *[(value, False) for value in (
            "", None, True, "abc", "changeme", "<token>", "{{ .Values.x }}", "${TOKEN}", "$(TOKEN)", "$TOKEN",
            "shop-db-password", "smtp_password", "/var/run/token", "./token", "https://example.com", "vault:kv/x#y",
            "ref+vault://kv/x", "ENC[AES256_GCM,data:x]", "password", "REPLACE_ME", "xxxxxxxx", ["a"],
        )],
    ],
)  # fmt: skip
def test_a_literal_is_told_from_a_reference(value: object, literal: bool) -> None:
    """Only a text that may be the credential itself counts."""
    assert may_be_literal(value) is literal


def test_placeholders_are_what_was_written_to_be_replaced() -> None:
    """Texts that say so are placeholders; texts that merely hold such a word, and references, are not."""
    yes = ["changeme", "CHANGE_ME", "change-this!", "TODO", "tbd", "<token>", "xxxx", "***", "...", "REPLACE_ME",
           "replace-with-real-token", "your-password-here", "your_token", "[insert token]", "placeholder"]  # fmt: skip
    no = ["", "change is good", "xx", "hello", "<path:kv/data/x#y>", "[]", "<>", "password", "<b>bold</b>"]
    assert [text for text in yes if not is_placeholder(text)] == []
    assert [text for text in no if is_placeholder(text)] == []
    assert is_reference("<path:kv/data/x#y>")
    assert not is_reference("<token>")


def test_base64_is_what_go_decodes() -> None:
    """Standard alphabet, padded, line breaks left out; anything else is none."""
    assert decode_base64("aGVsbG8=") == b"hello"
    assert decode_base64("aGVs\r\nbG8=\n") == b"hello"
    assert decode_base64("") == b""
    assert [decode_base64(text) for text in ("aGVsbG8", "aGVs bG8=", "-_-_", "a===", "é===")] == [None] * 5


def test_double_encoding_is_told_from_data_made_of_the_same_letters() -> None:
    """Base64 of printable text counts, digests, words and random keys do not."""
    assert is_double_encoded(coded("hello there").encode())
    assert is_double_encoded(coded("hello there").encode() + b"\n")
    others = [
        b"configuration",
        b"0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        coded("x").encode(),
        BODY.encode(),
        b"\xff\xfe",
        b"",
    ]
    assert [data for data in others if is_double_encoded(data)] == []


def test_a_stray_newline_is_told_from_a_file() -> None:
    """A single line that ends in a break is stray, unless the key names a file."""
    assert has_stray_newline("password", "hunter\n")
    assert has_stray_newline("password", "hunter\r\n")
    innocent = [("password", "hunter"), ("a.ini", "x\n"), ("id_rsa", "x\n"), ("lines", "a\nb\n"), ("empty", "\n")]
    assert [pair for pair in innocent if has_stray_newline(*pair)] == []


def nothing_ignored(_paths: Sequence[str]) -> frozenset[str]:
    """No Git."""
    return frozenset()


def finder(root: Path, **more: object) -> CredentialFinder:
    """A search of a tree without Git and without a cache."""
    return replace(CredentialFinder(FileRoot(root), nothing_ignored, None), **more)  # type: ignore[arg-type]


def test_which_files_are_searched(tmp_path: Path) -> None:
    """Text files are, also in UTF-16 and in excluded folders that are used; links, pipes and binary files are not."""
    line = f"token: {GITLAB}\n"
    files: dict[str, str | bytes] = {
        "plain.txt": line, "wide.yaml": line.encode("utf-16"), "docs/a.md": line, "docs/used/b.yaml": line,
        "docs/c.yaml": line, "logo.png": b"\0" + line.encode(), "node_modules/x.js": line, "deep/x.md": line,
        "large.txt": b"x" * (MAX_BYTES + 1), "large.bin": b"\0" * (MAX_BYTES + 1),
    }  # fmt: skip
    root = write(tmp_path / "tree", files)
    (root / "link.txt").symlink_to("plain.txt")
    (root / "folder").symlink_to("docs")
    os.mkfifo(root / "pipe.txt")
    own = finder(root, folders=frozenset({"docs/used"}), files=frozenset({"docs/c.yaml"}))
    scan = own(["**/docs/**", "deep/*.md"])
    assert scan.found == tuple(
        (name, (Spotted(1, "GitLab token"),)) for name in ("docs/c.yaml", "docs/used/b.yaml", "plain.txt", "wide.yaml")
    )
    assert scan.unread == (("large.txt", f"{MAX_BYTES + 1} bytes, over {MAX_BYTES}"),)
    assert scan.files == 4


def test_what_git_ignores_is_not_in_git(tmp_path: Path) -> None:
    """A file that .gitignore names is left out, unless Git holds it all the same."""
    root = write(
        tmp_path / "tree",
        {".gitignore": "*.env\n", "local.env": f"A={GITLAB}\n", "kept.env": f"A={GITLAB}\n", "new.txt": f"{GITLAB}\n"},
    )
    for command in (["init", "-q"], ["add", "-f", "kept.env"]):
        subprocess.run(["git", "-C", str(root), *command], check=True)
    found = finder(root, ignored=GitClone(root).ignored)([])
    assert [name for name, _ in found.found] == ["kept.env", "new.txt"]


def test_the_cache_keeps_kinds_and_lines_for_the_owner_alone(tmp_path: Path) -> None:
    """An entry holds no value, is read by its owner only, is used, and is replaced where it is damaged."""
    root = write(tmp_path / "tree", {"a.yaml": f"x: y\ntoken: {GITLAB}\n", "clean.yaml": "a: b\n"})
    expected = (("a.yaml", (Spotted(2, "GitLab token"),)),)
    assert finder(root, cache=tmp_path / "cache")([]).found == expected
    (entry,) = (tmp_path / "cache" / "credentials").iterdir()
    assert entry.read_text(encoding="utf-8") == '[[2, "GitLab token", ""]]'
    assert entry.stat().st_mode & 0o777 == 0o600
    entry.write_text('[[3, "GitHub token", ""]]', encoding="utf-8")
    assert finder(root, cache=tmp_path / "cache")([]).found == (("a.yaml", (Spotted(3, "GitHub token"),)),)
    entry.write_text("{", encoding="utf-8")
    assert finder(root, cache=tmp_path / "cache")([]).found == expected
    assert entry.read_text(encoding="utf-8") == '[[2, "GitLab token", ""]]'


PASSWORD = "s3rpentine-H4rbour"
SEEDED = (PASSWORD, GITLAB, BODY[:64], "Tr0ub4dor")
PARAMETER = f"    helm: {{parameters: [{{name: a.token, value: {PASSWORD}}}]}}\n"
SECRETS = f"""\
apiVersion: v1
kind: Secret
metadata: {{name: plain}}
type: kubernetes.io/basic-auth
data:
  password: {coded(PASSWORD)}
  twice: {coded(coded(PASSWORD))}
  raw: {PASSWORD}!
  token: {coded(GITLAB)}
stringData:
  password: "{PASSWORD}\\n"
  url: {URL}
"""
DEPLOYMENT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: web
          image: registry.example.com/web:1.0.0
          env:
            - {{name: API_TOKEN, value: {PASSWORD}}}
"""
CHART_SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: chart}
data: {password: "{{ .Values.db.password | b64enc }}"}
"""


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """A tree that leaks in every way that is looked for."""
    files = {
        "apps/plain.yaml": application("plain", "plain"),
        "apps/chart.yaml": application("chart", "web", PARAMETER),
        "plain/secret.yaml": SECRETS,
        "plain/deployment.yaml": DEPLOYMENT,
        "notes.txt": KEY + f"{URL}\n{coded('x ' + GITLAB)}\n",
        "scripts/deploy.sh": f"#!/bin/sh\nexport DB_PASSWORD={PASSWORD}\n",
        **chart("web", {"secret.yaml": CHART_SECRET, "cm.yaml": config_map("web")}, f"db: {{password: {PASSWORD}}}\n"),
    }  # fmt: skip
    return write(tmp_path / "tree", files)


def tells(text: str) -> list[int]:
    """Which of the seeded values a text holds, as they are or in base64."""
    return [n for n, value in enumerate(SEEDED) if value in text or coded(value)[:-4] in text]


def test_no_output_holds_a_value(leaking: Path) -> None:
    """Every check about secrets finds something, and no report, representation or cache holds a value."""
    judgement = judged(leaking, settings=replace(SETTINGS, cache=leaking.parent / "cache"))
    ids = {finding.check for finding in judgement.findings}
    assert ids >= {
        "credential-in-git", "secret-value-in-git", "credential-suspected", "secret-data-not-base64",
        "secret-data-double-encoded", "secret-data-trailing-newline", "secret-key-set-twice",
    }  # fmt: skip
    texts = [terminal_report([judgement]), every_report(judgement), repr(judgement)]
    texts += [path.read_text(encoding="utf-8") for path in (leaking.parent / "cache").rglob("*") if path.is_file()]
    assert [tells(text) for text in texts] == [[]] * len(texts)


def test_pytest_prints_no_value(leaking: Path) -> None:
    """The gate as a pytest run shows neither value nor encoding, however much it is asked to tell."""
    options = ["--driftgate", f"--driftgate-root={leaking}", "-vv", "--showlocals", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=leaking, capture_output=True, text=True, check=False
    )
    assert "credential-in-git" in done.stdout
    assert tells(done.stdout + done.stderr) == []


def test_one_credential_is_one_finding(leaking: Path) -> None:
    """A line that gives itself away in several ways, or is rendered several times, is told once."""
    lines = [
        (finding.place.file, finding.place.line)
        for finding in judged(leaking).findings
        if finding.check in ("credential-in-git", "secret-value-in-git", "credential-suspected")
    ]
    assert sorted(lines) == sorted(set(lines))
    assert ("web/values.yaml", 1) in lines


def test_a_clean_tree_does_not_load_the_library(tmp_path: Path) -> None:
    """Without anything that looks like a token the detectors are never imported: they take longer than the search."""
    root = write(tmp_path / "tree", {"a.yaml": application("web", "web"), **chart("web", {"cm.yaml": config_map("w")})})
    program = (
        "import sys; from pathlib import Path; from tests.repositories import judged; "
        f"judged(Path({str(root)!r})); assert 'driftgate.credentials' in sys.modules; "
        "assert 'detect_secrets' not in sys.modules and 'requests' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


ABOUT_SECRETS = ("credential-", "secret-")


def findings_about_secrets(root: Path) -> list[tuple[str, str, int]]:
    """Check, file and line of every finding about credentials and Secrets."""
    return sorted(
        (finding.check, finding.place.file, finding.place.line)
        for finding in judged(root).findings
        if finding.check.startswith(ABOUT_SECRETS)
    )


def test_what_sops_encrypts_is_no_secret_yet(tmp_path: Path) -> None:
    """A Secret that SOPS has encrypted gives nothing away, and is not judged by what its values look like."""
    encrypted = "ENC[AES256_GCM,data:1kHc9w==,iv:0qYxA2bq,tag:Jm3hXw==,type:str]"
    secret = (
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\ndata:\n  password: {encrypted}\nsops: {{version: '3'}}\n"
    )
    root = write(tmp_path / "tree", {"a.yaml": application("a", "plain"), "plain/secret.yaml": secret})
    assert findings_about_secrets(root) == []
    write(root, {"plain/secret.yaml": secret.replace("sops: {version: '3'}\n", "")})
    assert findings_about_secrets(root) == [("secret-data-not-base64", "plain/secret.yaml", 5)]


def test_what_a_template_draws_or_derives_is_not_in_git(tmp_path: Path) -> None:
    """Random values and checksums stand nowhere in Git; a literal of the template does, on its line."""
    template = """\
apiVersion: v1
kind: Secret
metadata: {name: a}
stringData:
  password: %s
"""
    found = {}
    for name, value in {
        "drawn": "{{ randAlphaNum 24 }}",
        "generated": '{{ genPrivateKey "ed25519" | toJson }}',
        "derived": "{{ sha256sum .Release.Name }}",
        "written": "s3rpentine-H4rbour",
    }.items():
        files = {"a.yaml": application("a", "web"), **chart("web", {"secret.yaml": template % value})}
        found[name] = [one for one in findings_about_secrets(write(tmp_path / name, files)) if "value" in one[0]]
    assert found == {
        "drawn": [],
        "generated": [],
        "derived": [],
        "written": [("secret-value-in-git", "web/templates/secret.yaml", 5)],
    }


def test_a_secret_that_a_rule_leaves_alone_may_be_empty(tmp_path: Path) -> None:
    """Empty values and placeholders are somebody else's to fill where ignoreDifferences says so, and only there."""
    rule = "  ignoreDifferences:\n    - {kind: Secret, name: a, jsonPointers: [/data/token]}\n"
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  token: ''\n  other: changeme\n"
    root = write(tmp_path / "tree", {"a.yaml": application("a", "plain") + rule, "plain/secret.yaml": secret})
    assert findings_about_secrets(root) == [("secret-placeholder", "plain/secret.yaml", 6)]
    write(root, {"a.yaml": application("a", "plain")})
    assert findings_about_secrets(root) == [
        ("secret-data-empty", "plain/secret.yaml", 5),
        ("secret-placeholder", "plain/secret.yaml", 6),
    ]


def test_the_library_brings_no_http_client_until_somebody_asks_for_it() -> None:
    """Finding tokens imports no HTTP client; who uses the library otherwise, in the same process, still has it."""
    program = (
        "import sys\n"
        "from driftgate.credentials.vendors import detectors\n"
        "assert detectors() and 'requests' not in sys.modules and 'urllib3' not in sys.modules\n"
        "from detect_secrets.plugins import base\n"
        "client = base.requests.Session\n"
        "import requests\n"
        "assert client is requests.Session\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
