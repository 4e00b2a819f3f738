"""YAML is read as Argo CD and Helm read it, every value with its place, and nothing that a text says ends the run."""

from __future__ import annotations

import json
from typing import Any

import helm_python
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driftgate.model.node import Duplicate, Node
from driftgate.model.place import Place
from driftgate.yaml_reader import MAX_DEPTH, ReadFault, read_yaml, resolve_scalar

FILE = "values.yaml"
REFUSED = object()

# Whatever YAML 1.1 has ever taken for something else than a string, in pieces that combine into near misses.
PIECES = """
0 1 7 8 9 10 _ - + . e E x X o O b B a f F 0x 0o 0b 1e inf nan .inf .Inf .nan .NaN yes no on off y n Y N true True TRUE
tRue false Null null NULL ~ : T Z = << 18446744073709551615 9223372036854775808 400 2001-12-14 22:30 1_000 0755 08
""".split()  # noqa: SIM905 - sixty quoted pieces are harder to read
SCALARS = st.one_of(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join),
    st.from_regex(r"[-+]?(0[xob]?)?[0-9_a-fA-F]{1,6}(\.[0-9_]{0,4})?([eE][-+]?[0-9]{1,3})?", fullmatch=True),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**65), 2**65).map(str),
)
quick = settings(max_examples=250, deadline=None, database=None, derandomize=True)


def helm(text: str) -> Any:
    """What Helm's own parser makes of a values text; REFUSED where it does not take it."""
    try:
        return as_float(helm_python.values_from_yaml(text))
    except helm_python.HelmError:
        return REFUSED


def ours(text: str) -> Any:
    """What our reader makes of the same text: the first document, which is all that Helm reads."""
    read = read_yaml(text, FILE)
    if read.fault is not None and not read.documents:
        return REFUSED
    root = read.documents[0].root if read.documents else None
    return as_float(root.plain()) if root is not None and root.value is not None else {}


def as_float(value: Any) -> Any:
    """Numbers as Helm's JSON has them, all of them floats; booleans stay apart from 0 and 1."""
    if isinstance(value, dict):
        return {key: as_float(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_float(item) for item in value]
    if isinstance(value, bool):
        return ("bool", value)
    return float(value) if isinstance(value, int) else value


@quick
@given(SCALARS)
@example(".inf")
@example("-.INF")
@example(".nan")
@example("1e400")
@example("1e-400")
@example("0o17")
@example("0b2")
@example("12e03")
@example("1_000")
@example("_1")
@example("22:30")
@example("2001-12-14t21:59:43.10-05:00")
def test_a_plain_scalar_is_what_helm_takes_it_for(scalar: str) -> None:
    """Every plain scalar, whatever it looks like, has the type and value that Helm's own parser gives it."""
    text = f"a: {scalar}\n"
    assert ours(text) == helm(text)


@quick
@given(SCALARS.filter(lambda text: not text.lstrip("+").startswith(("18446744", "92233720"))))
@example("1e6")
@example("1000000.5")
@example("16777217.5")
@example("0.00001")
@example("1e39")
@example(".inf")
@example("-.inf")
@example(".nan")
@example("yes")
@example("null")
@example("0x10")
def test_a_key_is_the_string_that_helm_makes_of_it(scalar: str) -> None:
    """A key that is no string becomes the string that it is in Helm's JSON, or is refused as Helm refuses it."""
    text = f"{scalar}: v\n"
    expected = helm(text)
    # A list at the top is YAML, and only no values.
    assert ours(text) == expected or (expected is REFUSED and scalar.startswith("- "))


LEAVES = st.one_of(
    st.sampled_from(["1", "yes", "~", "'1'", '"x"', "a", "1.5", "!!str 1", "!!int '7'", "!!float 3", "!!bool no"]),
    st.sampled_from(["!!int x", "!!null x", "!!bool 1", "!!binary aGk=", "!!binary '!'", "*x", "*y", "!own tag"]),
)
KEYS = st.sampled_from(["a", "b", "c", "1", "yes", "'<<'"])


def mappings(below: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Flow mappings of which some are anchored, and into which others are merged."""
    merge = st.one_of(st.just("*x"), st.just("*y"), st.just("[*x, *y]"), below)
    entries = st.lists(
        st.one_of(st.tuples(KEYS, below), st.tuples(st.just("<<"), merge)).map(": ".join), min_size=1, max_size=4
    )
    anchor = st.sampled_from(["", "", "&x ", "&y "])
    return st.tuples(anchor, entries).map(lambda pair: f"{pair[0]}{{{', '.join(pair[1])}}}")


TREES = st.recursive(
    LEAVES,
    lambda below: st.one_of(mappings(below), st.lists(below, max_size=3).map(lambda items: f"[{', '.join(items)}]")),
    max_leaves=8,
)


@quick
@given(st.lists(TREES, min_size=1, max_size=4))
@example(["{b: 1, <<: {b: 2}}"])
@example(["{<<: {b: 2}, b: 1}"])
@example(["&x {b: 1}", "&y {b: 2, c: 2}", "{<<: [*x, *y], d: 1}"])
@example(["{<<: [{b: 1}, 2]}"])
@example(["{<<: null}"])
@example(["&x 1", "*x", "&x 2", "*x"])
@example(["{!!merge <<: {b: 1}}"])
@example(['{"<<": {b: 1}}'])
def test_anchors_merges_and_tags_are_what_helm_takes_them_for(trees: list[str]) -> None:
    """Merge keys win or lose by where they stand, anchors may be named again, and a tag that lies is refused."""
    text = "".join(f"k{number}: {tree}\n" for number, tree in enumerate(trees))
    assert ours(text) == helm(text)


TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cc", "Cs", "Cn"]), max_size=6)


@quick
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS,
        lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
        max_leaves=12,
    ).filter(lambda value: "Infinity" not in json.dumps(value))
)
def test_json_is_read_as_json(value: Any) -> None:
    """Every JSON text is read back as the value that it was written from."""
    read = read_yaml(json.dumps(value, ensure_ascii=False), FILE)
    assert read.fault is None
    root = read.documents[0].root
    assert root is not None
    assert as_float(root.plain()) == as_float(value)


@quick
@given(st.text(max_size=8))
def test_escapes_in_json_are_taken_or_refused_as_helm_does(text: str) -> None:
    """JSON with every character escaped means what it means to Helm, which refuses surrogate pairs."""
    written = f"a: {json.dumps(text)}\n"
    assert ours(written) == helm(written)


@quick
@given(st.binary(max_size=40) | st.text(max_size=40))
def test_no_text_ends_the_run(data: bytes | str) -> None:
    """Whatever bytes a file holds, reading it yields documents or a fault with a place in that file."""
    read = read_yaml(data, FILE)
    assert read.fault is None or read.fault.place.file == FILE


def test_a_scalar_by_itself_is_resolved_without_a_file() -> None:
    """`resolve_scalar` gives the same values as the reader, whole floats as integers."""
    texts = ["y", "NO", "~", "", "0755", "0x1F", "1e3", "1.10", "22:30", "1.x"]
    assert [resolve_scalar(text) for text in texts] == [True, False, None, None, 493, 31, 1000, 1.1, "22:30", "1.x"]


def places(text: str | bytes, *paths: tuple[str | int, ...]) -> list[str]:
    """Line:column of each path, of the key where there is one."""
    read = read_yaml(text, FILE)
    assert read.fault is None, read.fault
    root = read.roots[-1]
    return [str(root.place_of(*path)).removeprefix(f"{FILE}:") for path in paths]


BLOCK = "# 스테이징 환경의 값\n이미지: {태그: 최신, 저장소: 가}\nlist:\n  - name: web\n    port: 80\n"
PATHS = [("이미지",), ("이미지", "저장소"), ("list", 0), ("list", 0, "port"), ("list", 0, "absent")]


@pytest.mark.parametrize("text", [BLOCK, BLOCK.replace("\n", "\r\n")], ids=["LF", "CRLF"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
def test_places_count_characters_from_one(text: str, mark: str) -> None:
    """Lines and columns count characters from 1, after Korean text, with CRLF and after a byte order mark."""
    expected = ["2:1", "2:15", "4:5", "5:5", "4:5"]
    assert places(mark + text, *PATHS) == expected
    assert places((mark + text).encode(), *PATHS) == expected


def test_places_are_those_of_the_document_in_its_file() -> None:
    """In a file of several documents, empty ones among them, places count from the file's beginning."""
    read = read_yaml("a: 1\n---\n---\n# nothing\n---\nb:\n  c: 2\n...\n", FILE)
    assert [(d.index, d.root.plain() if d.root else None) for d in read.documents] == [
        (0, {"a": 1}),
        (1, None),
        (2, None),
        (3, {"b": {"c": 2}}),
    ]
    assert [root.plain() for root in read.roots] == [{"a": 1}, {"b": {"c": 2}}]
    assert read.roots[1].place_of("b", "c") == Place(FILE, 7, 3)


def test_a_merged_key_is_placed_where_it_is_written() -> None:
    """A field that `<<` brings in is placed at the anchor, because that is the line to change."""
    text = "base: &base\n  size: 1\nweb:\n  <<: *base\n  port: 80\n"
    assert places(text, ("web", "size"), ("web", "port")) == ["2:3", "5:3"]


def test_rendered_text_has_no_lines() -> None:
    """Text that was rendered names its template and never a line, because that line is not in the tree."""
    read = read_yaml("a: 1\nb: {c: 2}\n", "templates/x.yaml", exact=False)
    assert read.roots[0].place_of("b", "c") == Place("templates/x.yaml")
    broken = read_yaml("a: [1\n", "templates/x.yaml", exact=False)
    assert broken.fault is not None
    assert broken.fault.place == Place("templates/x.yaml")


def test_text_in_a_literal_block_has_lines_of_the_file_and_no_columns() -> None:
    """A text below a line of its file has that file's lines; the block's indentation leaves the columns unknown."""
    read = read_yaml("a: 1\nb:\n  c: 2\n", "app.yaml", below=10)
    assert read.roots[0].place_of("b", "c") == Place("app.yaml", 13)
    broken = read_yaml("a: 1\nb: [\n", "app.yaml", below=10)
    assert broken.fault is not None
    assert broken.fault.place == Place("app.yaml", 13)


def test_a_duplicate_key_names_both_places() -> None:
    """A key that stands twice keeps its second value and is told with both places and its path."""
    read = read_yaml("a: 1\nb:\n  - x: 1\n    z: 2\n    x: 3\n'a': 4\n", FILE)
    assert read.roots[0].plain() == {"a": 4, "b": [{"x": 3, "z": 2}]}
    assert read.documents[0].duplicates == (
        Duplicate(("b", 0, "x"), Place(FILE, 3, 5), Place(FILE, 5, 5)),
        Duplicate(("a",), Place(FILE, 1, 1), Place(FILE, 6, 1)),
    )


def test_a_key_that_overrides_a_merged_one_is_no_duplicate() -> None:
    """Overriding what `<<` brought is what merge keys are for; two keys that are one in JSON are a duplicate."""
    merged = read_yaml("x: &x {a: 1}\ny: {<<: *x, a: 2}\n", FILE)
    assert merged.documents[0].duplicates == ()
    same = read_yaml("yes: 1\ntrue: 2\n", FILE)
    assert same.documents[0].duplicates == (Duplicate(("true",), Place(FILE, 1, 1), Place(FILE, 2, 1)),)


@pytest.mark.parametrize(
    ("text", "fault", "kept"),
    [
        ("a: 1\n---\nb: [1\nc: 2\n", ReadFault("not-yaml", Place(FILE, 4, 2), ""), [{"a": 1}]),
        ("a: 1\nb:\n\tc: 2\n", ReadFault("not-yaml", Place(FILE, 3, 1), ""), []),
        ("a: 1\n---\nb: *nowhere\n", ReadFault("not-yaml", Place(FILE, 3, 4), ""), [{"a": 1}]),
        ("a: 1\n---\na: 가나다\nb: \x07\n", ReadFault("not-yaml", Place(FILE, 4), ""), []),
        (b"a: 1\nb: \xff\n", ReadFault("not-utf8", Place(FILE, 2), "byte 8 is not UTF-8"), []),
        ("a: 1\n".encode("utf-16"), ReadFault("not-utf8", Place(FILE, 1), "byte 0 is not UTF-8"), []),
        ("a: 1\nb: {{ .Values.b }}\n", ReadFault("templated", Place(FILE, 2, 5), ""), []),
        ("a: {{ .Values.a }}-b\n", ReadFault("templated", Place(FILE, 1, 19), ""), []),
        ("{{- if .Values.a }}\na: 1\n{{- end }}\n", ReadFault("templated", Place(FILE, 1, 3), ""), []),
        ("a: 1\n---\n&x [*x]\n", ReadFault("alias-bomb", Place(FILE, 3, 1), "an anchor contains itself"), [{"a": 1}]),
        ("a: 1\n---\nb: .inf\n", ReadFault("not-yaml", Place(FILE, 3, 4), ""), [{"a": 1}]),
        ("%YAML 1.2\n---\na: 1\n", ReadFault("not-yaml", Place(FILE, 1, 1), ""), []),
        ("? [a, b]\n: 1\n", ReadFault("not-yaml", Place(FILE, 1, 3), ""), []),
    ],
    ids=[
        "syntax", "tab", "unknown anchor", "control character", "not UTF-8", "UTF-16", "templated value",
        "templated text",
        "templated line", "self-reference", "infinity", "YAML 1.2", "key that is a list",
    ],
)  # fmt: skip
def test_a_fault_has_its_place_and_keeps_what_stood_before(
    text: str | bytes, fault: ReadFault, kept: list[Any]
) -> None:
    """A text that cannot be read further tells the sort of fault and its place, and keeps the documents before it."""
    read = read_yaml(text, FILE)
    assert read.fault is not None
    assert (read.fault.fault, read.fault.place) == (fault.fault, fault.place)
    assert read.fault.message
    assert not fault.message or read.fault.message == fault.message
    assert [root.plain() for root in read.roots] == kept


def test_templates_that_are_yaml_are_read() -> None:
    """Text with template actions that happens to be YAML is read as what it is; it is no fault."""
    assert read_yaml("a: '{{ .Values.a }}'\n", FILE).roots[0].plain() == {"a": "{{ .Values.a }}"}


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "--- ~\n", "---\n...\n", "\ufeff"])
def test_nothing_is_read_from_nothing(text: str) -> None:
    """An empty text has no value and no fault."""
    read = read_yaml(text, FILE)
    assert (read.roots, read.fault) == ((), None)


def bomb(levels: int) -> str:
    """The billion laughs: each level holds the one before nine times."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


def test_aliases_that_multiply_without_bound_are_refused() -> None:
    """An alias bomb is a fault at the level that passes the bound, and not a process without memory."""
    read = read_yaml(bomb(9), FILE)
    assert read.fault == ReadFault("alias-bomb", Place(FILE, 7, 5), "aliases multiply this to more than 4000000 values")
    assert read_yaml(bomb(4), FILE).fault is None


@pytest.mark.parametrize(
    "text",
    ["[" * 60_000, "[{a: " * 3000, "- " * 60_000, "? " * 60_000, "- ? " * 40_000,
     "\n".join(" " * n + "a:" for n in range(600))],
    ids=["brackets", "braces", "dashes", "question marks", "mixed", "indentation"],
)  # fmt: skip
def test_deep_nesting_is_a_fault_and_not_the_end_of_the_process(text: str) -> None:
    """However nesting is written, more of it than any manifest has is refused at the level that is too deep."""
    read = read_yaml(f"a: 1\n---\n{text}", FILE)
    assert read.fault is not None
    assert (read.fault.fault, read.fault.message) == ("too-deep", f"nested deeper than {MAX_DEPTH} levels")
    assert read.fault.place.exact
    assert [root.plain() for root in read.roots] == [{"a": 1}]


def test_nesting_through_aliases_counts() -> None:
    """Anchors that each hold the one before nest as deep as brackets do, so they meet the same bound."""
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 2000))]
    read = read_yaml("\n".join(lines), FILE)
    assert read.fault == ReadFault("too-deep", Place(FILE, MAX_DEPTH + 1, 7), f"nested deeper than {MAX_DEPTH} levels")


def test_nesting_up_to_the_bound_is_read() -> None:
    """What is just deep enough is read and walked, in brackets and in blocks."""
    for text in ("[" * MAX_DEPTH + "]" * MAX_DEPTH, "\n".join(" " * n + "a:" for n in range(MAX_DEPTH))):
        read = read_yaml(text, FILE)
        assert read.fault is None
        assert len(list(read.roots[0].leaves())) == 1


def test_many_flat_brackets_are_not_deep() -> None:
    """A long JSON or flow text is not refused for its length."""
    flat = [{"a": [n]} for n in range(5000)]
    assert read_yaml(json.dumps(flat), FILE).roots[0].plain() == flat
    flow = "b: [" + ", ".join("{a: [1]}" for _ in range(5000)) + "]"
    assert read_yaml(flow, FILE).roots[0].plain() == {"b": [{"a": [1]}] * 5000}


def test_a_text_over_the_bound_is_not_parsed() -> None:
    """A file beyond the size that is read is told with its size."""
    data = b"#" * (64 * 1024 * 1024 + 1)
    assert read_yaml(data, FILE).fault == ReadFault("too-large", Place(FILE), "67108865 bytes, over 67108864")


def test_a_node_never_shows_its_value() -> None:
    """A Node's representation names type and place only, because values may be credentials."""
    node = read_yaml("password: hunter2\n", FILE).roots[0]
    below = node.get("password")
    assert repr(below) == "<Node string at values.yaml:1:11>"
    assert f"{node}" == "<Node mapping at values.yaml:1:1>"
    assert repr(Node.from_plain({"a": "hunter2"}, FILE)) == "<Node mapping at values.yaml>"
