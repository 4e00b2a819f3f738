"""What a shell script names is told without running it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.semantics.deploy_commands import Mention, mentions, selector_labels
from driftgate.semantics.shell import UNKNOWN, Command, commands

U = UNKNOWN


def words(script: str) -> list[tuple[str, ...]]:
    """The words of every command."""
    return [command.words for command in commands(script)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("a b  c\n", [("a", "b", "c")]),
        ("a 'b c' \"d e\" f\\ g h''i", [("a", "b c", "d e", "f g", "hi")]),
        ("a \\\n  b", [("a", "b")]),
        ("a # b\n#c\nd#e", [("a",), ("d#e",)]),
        ("a; b && c || d | e & f", [("a",), ("b",), ("c",), ("d",), ("e",), ("f",)]),
        ("if a; then b; else c; fi", [("a",), ("b",), ("c",), ("fi",)]),
        ("a >b 2>&1 <c d 2>/dev/null", [("a", "d")]),
        ("a <<EOF b\nin the text\nEOF\nc", [("a", "b"), ("c",)]),
        ("a <<-'END'\n\tin $X\n\tEND\nc", [("a",), ("c",)]),
        ("X=b a c", [("a", "c")]),
        ("X=b\na $X ${X} \"$X-c\" '$X'", [("a", "b", "b", "b-c", "$X")]),
        ("export X=b Y=c\na $X$Y", [("export", "X=b", "Y=c"), ("a", "bc")]),
        ("X=b\nY=$X-c\na $Y", [("a", "b-c")]),
        ("X=b\nX=c\na $X", [("a", U)]),
        ("X=$1\na $X $Y $@ $(b $(c) 'd)') `e` ${X:-f} $((1 + 2))", [("a", *[U] * 7)]),
        ("X=b\nX+=c\na $X", [("a", U)]),
        ("X=b\nread -r X\na $X", [("read", "-r", "X"), ("a", U)]),
        ("for x in b c; do a $x; done", [("for", "x", "in", "b", "c"), ("a", U), ("done",)]),
        ("a b*c [d] [ e ] ~/f", [("a", f"b{U}c", "[d]", "[", "e", "]", f"{U}/f")]),
        ("a b\r\nc\r\n", [("a", "b"), ("c",)]),
        ("", []),
    ],
)
def test_words_are_those_of_the_shell(script: str, expected: list[tuple[str, ...]]) -> None:
    """Quotes, comments, redirections, here-documents and variables come out as a shell would have them, or unknown."""
    assert words(script) == expected


def test_each_word_knows_its_line() -> None:
    """Lines count through continuations, quotes and here-documents."""
    script = "a 'b\nc' \\\n  d <<E\ntext\nE\ne $(f\n) g"
    assert commands(script) == (
        Command(("a", "b\nc", "d"), (1, 1, 3)),
        Command(("e", U, "g"), (6, 6, 7)),
    )


@given(st.text(alphabet="ab $\"'\\\n`(){}<>|&;#=-*[~1E", max_size=60))
def test_any_text_is_read_to_its_end(script: str) -> None:
    """No script is too strange to be read, and every line is one of the script's."""
    count = script.count("\n") + 1
    assert all(1 <= line <= count for command in commands(script) for line in command.lines)
    list(mentions(script))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("kubectl -n a get deploy/b svc/c", [("namespace", "a"), ("object", "b"), ("object", "c")]),
        ("kubectl get deploy b c --namespace=a -o yaml", [("namespace", "a"), ("object", "b"), ("object", "c")]),
        ("kubectl get deploy,svc -A", []),
        ("kubectl rollout status deploy b", [("object", "b")]),
        ("kubectl logs b -c c", []),
        ("kubectl logs deploy/b", [("object", "b")]),
        ("kubectl get pods -l a=b,c==d", [("selector", "a=b,c==d")]),
        ('kubectl -n "$1" get deploy b -l a=b', []),
        ("kubectl create namespace a", []),
        ("kubectl delete deploy b", []),
        ("helm upgrade --install b ./c -n a", [("namespace", "a"), ("release", "b")]),
        ("helm get values b", [("release", "b")]),
        ("helm lint b", []),
        ("argocd app sync b argocd/c --timeout 3", [("application", "b"), ("application", "c")]),
        ("argocd app set b --values x", [("application", "b")]),
        ("argocd repo list", []),
        ("x a/b/ ./c/d --file=e/f /g/h https://i/j k/$1", [("path", "a/b"), ("path", "c/d"), ("path", "e/f")]),
        ('x "$ROOT/a/b"', [("path", "a/b")]),
        ("echo a/b", []),
    ],
)
def test_commands_name_what_their_usage_says(command: str, expected: list[tuple[str, str]]) -> None:
    """Arguments and options are told apart, and what is not written out is not told."""
    assert [(one.what, one.text) for one in mentions(command)] == expected


def test_a_mention_has_kind_namespace_and_line() -> None:
    """What is needed to look an object up comes with it."""
    assert list(mentions("\nkubectl get -n a deploy/b\n")) == [
        Mention(2, "namespace", "a"),
        Mention(2, "object", "b", "deploy", "a"),
    ]


def test_selectors_of_equal_values_are_labels() -> None:
    """Equality is read; sets, inequality and existence are not."""
    assert selector_labels("a=b, c.d/e==f") == {"a": "b", "c.d/e": "f"}
    assert [selector_labels(text) for text in ("a in (b)", "a!=b", "a", "!a", "")] == [None] * 5
