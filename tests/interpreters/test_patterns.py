"""Every regular expression matches the same on every Python that is supported.

CPython 3.11.0 to 3.11.4 matches too much with possessive repeats of groups (gh-106052). So there are none, and those
that were written otherwise for it find what a plain loop finds.
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as op  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUnknownVariableType] - ops
from re import _parser  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUnknownVariableType] - of patterns
from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skype_assets.etl.content.edit_markers import edit_flags
from skype_assets.etl.content.markup import tags
from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.json_syntax import JsonText

ROOT: Final = Path(__file__).parents[2]
PRODUCT: Final = ("skype_assets", "resources", "io_managers")
OTHERS: Final = ("tests", "benchmarks", "examples")
FUNCTIONS: Final = frozenset(
    ["compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer", "template"]
)
OF_AN_EXTRA: Final = "skype_assets.instance.celery_"
"""Modules that need an extra, and to be imported a configured instance, too; they have no patterns."""
ONE_CHARACTER: Final = frozenset([op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY])


def product_modules() -> Iterator[ModuleType]:
    for name in PRODUCT:
        package = importlib.import_module(name)
        yield package
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__") and not module.name.startswith(OF_AN_EXTRA):
                yield importlib.import_module(module.name)


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of functions of ``re`` that take a pattern."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in FUNCTIONS
        ):
            yield node


def evaluated(node: ast.expr, names: dict[str, Any]) -> Any:
    return eval(compile(ast.Expression(node), "", "eval"), names)  # noqa: S307 - source of this repository


def patterns_of(module: ModuleType) -> Iterator[tuple[str, str | bytes]]:
    for name, value in vars(module).items():
        if isinstance(value, re.Pattern):
            yield f"{module.__name__}.{name}", value.pattern
    if module.__file__ and module.__file__.endswith(".py"):
        for call in calls(ast.parse(Path(module.__file__).read_bytes())):
            where = f"{module.__name__}, line {call.lineno}"
            try:
                yield where, evaluated(call.args[0], vars(module))
            except NameError:  # a pattern from a table of the module
                yield from ((f"{where}: {text!r}", text) for text in strings(vars(module)) if is_pattern(text))


def strings(value: Any) -> Iterator[str]:
    """The strings in the tables of a module."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (tuple, list, frozenset)):
        yield from (text for item in value for text in strings(item))
    elif isinstance(value, dict):
        yield from (text for name, item in value.items() if not str(name).startswith("__") for text in strings(item))


def is_pattern(text: str) -> bool:
    try:
        _parser.parse(text)
    except re.error:
        return False
    return True


def patterns_of_file(path: Path) -> Iterator[tuple[str, str | bytes]]:
    """What of a file can be told without importing it: patterns of constants, and of names of constants."""
    tree = ast.parse(path.read_bytes())
    names: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                names[node.targets[0].id] = evaluated(node.value, names)
            except NameError:
                continue
    for call in calls(tree):
        try:
            yield f"{path.relative_to(ROOT)}, line {call.lineno}", evaluated(call.args[0], names)
        except NameError:
            continue


def unsafe(parsed: Any) -> Iterator[str]:
    """The operations of a parsed pattern that some Python gets wrong."""
    for operation, value in parsed:
        if operation is op.ATOMIC_GROUP:
            yield "an atomic group"
        if operation is op.POSSESSIVE_REPEAT and not (len(value[2]) == 1 and value[2][0][0] in ONE_CHARACTER):
            yield "a possessive repeat of a group"
        yield from (problem for part in parts(value) for problem in unsafe(part))


def parts(value: Any) -> Iterator[Any]:
    if isinstance(value, _parser.SubPattern):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from parts(item)


def test_no_pattern_of_the_product_has_what_an_old_interpreter_gets_wrong() -> None:
    found = [named for module in product_modules() for named in patterns_of(module)]
    wrong = {where: [*unsafe(_parser.parse(pattern))] for where, pattern in found}
    assert len(found) > 50  # the search itself works
    assert {where: problems for where, problems in wrong.items() if problems} == {}


def test_no_pattern_of_tests_and_benchmarks_has_it_either() -> None:
    files = [path for folder in OTHERS for path in (ROOT / folder).rglob("*.py")]
    found = [named for path in files for named in patterns_of_file(path)]
    wrong = {where: [*unsafe(_parser.parse(pattern))] for where, pattern in found}
    assert len(found) > 5
    assert {where: problems for where, problems in wrong.items() if problems} == {}


@pytest.mark.parametrize("pattern", ["(?:ab?c)*+", "(?>a|b)", "x(?:(?:ab)++|c)", "(a(?:bb|c)?+)", "(?=(?:ab){2,3}+)"])
def test_what_is_looked_for_would_be_found(pattern: str) -> None:
    assert [*unsafe(_parser.parse(pattern))]
    assert not [*unsafe(_parser.parse(r"(?:[ \t]*+[^<>]++\d?+x{2,3}+.*+)*"))]


@given(
    st.sampled_from(["a", "[ab]", "[^a]", r"\s", ".", "(?:a)", "(?:[ab])"]),
    st.integers(0, 3),
    st.integers(0, 3),
    st.text("ab \n<", max_size=12),
    st.sampled_from(["", "a", "b", r"\s", "$"]),
)
def test_a_possessive_repeat_of_one_character_takes_what_a_loop_takes(
    one: str, least: int, more: int, text: str, behind: str
) -> None:
    count = 0
    while count < least + more and count < len(text) and re.fullmatch(one, text[count]):
        count += 1
    found = re.match(f"{one}{{{least},{least + more}}}+({behind})", text)
    rest = re.compile(behind).match(text, count)
    assert (found is not None) == (count >= least and rest is not None)
    assert found is None or found.start(1) == count


# JSON, by a loop over its bytes.

BLANKS: Final = b" \t\n\r"
DIGITS: Final = b"0123456789"


class NoJson(Exception):
    pass


def blanks(text: bytes, at: int) -> int:
    while text[at : at + 1] and text[at] in BLANKS:
        at += 1
    return at


def string(text: bytes, at: int) -> int:
    if text[at : at + 1] != b'"':
        raise NoJson
    at += 1
    while text[at : at + 1] != b'"':
        if text[at : at + 1] == b"\\":
            if text[at + 1 : at + 2] == b"u":
                if len(text[at + 2 : at + 6]) < 4 or not set(text[at + 2 : at + 6]) <= set(b"0123456789abcdefABCDEF"):
                    raise NoJson
                at += 4
            elif text[at + 1 : at + 2] not in [bytes([byte]) for byte in b'"\\/bfnrt']:
                raise NoJson
            at += 1
        at += 1
        if at >= len(text):
            raise NoJson
    return at + 1


def digits(text: bytes, at: int) -> int:
    begin = at
    while text[at : at + 1] and text[at] in DIGITS:
        at += 1
    if at == begin:
        raise NoJson
    return at


def number(text: bytes, at: int) -> int:
    at += text[at : at + 1] == b"-"
    if text[at : at + 8] == b"Infinity":
        return at + 8
    at = at + 1 if text[at : at + 1] == b"0" else digits(text, at)
    if text[at : at + 1] == b"." and text[at + 1 : at + 2].isdigit():
        at = digits(text, at + 1)
    if text[at : at + 1] in (b"e", b"E"):
        signed = at + 1 + (text[at + 1 : at + 2] in (b"+", b"-"))
        if text[signed : signed + 1].isdigit():
            at = digits(text, signed)
    return at


def value(text: bytes, at: int) -> int:
    at = blanks(text, at)
    for word in (b"true", b"false", b"null", b"NaN"):
        if text.startswith(word, at):
            return at + len(word)
    first = text[at : at + 1]
    if first == b'"':
        return string(text, at)
    if first not in (b"{", b"["):
        return number(text, at)
    closing = b"}" if first == b"{" else b"]"
    at = blanks(text, at + 1)
    if text[at : at + 1] == closing:
        return at + 1
    while True:
        if first == b"{":
            at = blanks(text, string(text, blanks(text, at)))
            if text[at : at + 1] != b":":
                raise NoJson
            at += 1
        at = blanks(text, value(text, at))
        if text[at : at + 1] == closing:
            return at + 1
        if text[at : at + 1] != b",":
            raise NoJson
        at += 1


TOKENS: Final = st.sampled_from(
    [b'"', b"\\", b"\\n", b"\\u00e9", b"\\u12", b'\\"', b"{", b"}", b"[", b"]", b":", b",", b" ", b"\n", b"x"]
    + [b"1", b"0", b"-", b".", b"e", b"+", b"true", b"null", b"NaN", b"Infinity", b'"a"', b'"a":', b'{"a":', b"1.5e-3,"]
)
MANY: Final = st.sampled_from([999, 1000, 1001, 2000, 2500])
REPEATED: Final = st.sampled_from([b"\\n", b"\\u00e9", b"\\\\", b'"a":"\\n",', b"1,", b'"\\t" ,', b"a\\/"])


@given(
    st.one_of(
        st.lists(TOKENS, max_size=14).map(b"".join),
        st.builds(
            lambda start, unit, count, rest: start + unit * count + rest,
            st.sampled_from([b'"', b'{"', b'["', b"[", b"{", b'{"a":"']),
            REPEATED,
            MANY,
            st.lists(TOKENS, max_size=6).map(b"".join),
        ),
    )
)
@example(b'"' + b"\\n" * 1001 + b'"')
@example(b'{"' + b"\\n" * 2500 + b'" :1}')
@example(b'{"' + b"\\n" * 1001 + b'"  1}')
@example(b"[" + b"1," * 5000 + b"1.5]")
@example(b"[1.5x]")
@example(b"[1e]")
@example(b'["ab?c"]')
def test_json_ends_where_a_loop_over_its_bytes_says(text: bytes) -> None:
    try:
        end = value(text, 0)
    except NoJson:
        with pytest.raises(InvalidExport):
            JsonText(text, "x").value(0, len(text))
    else:
        assert JsonText(text, "x").value(0, len(text)) == end


# Tags, by a loop over their characters.

SPACE: Final = re.compile(r"\s")
LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
IN_NAMES: Final = LETTERS + "0123456789-_:."


def skipped(text: str, at: int) -> int:
    while at < len(text) and SPACE.match(text[at]):
        at += 1
    return at


def named(text: str, at: int, first: str) -> int:
    """End of a name; where it begins, if there is none."""
    if at >= len(text) or text[at] not in first:
        return at
    while at < len(text) and text[at] in IN_NAMES:
        at += 1
    return at


def attribute_value(text: str, at: int) -> int:
    """End of a value; where it begins, if there is none."""
    if text[at : at + 1] in ('"', "'"):
        closing = text.find(text[at], at + 1)
        return closing + 1 or at
    while at < len(text) and text[at] not in "\"'<>" and not SPACE.match(text[at]):
        at += 1
    return at


def tag_at(text: str, begin: int) -> tuple[int, str, str] | None:
    """End, name and attributes of a tag."""
    at = begin + 1 + text.startswith("/", begin + 1)
    name_end = source_end = named(text, at, LETTERS)
    if name_end == at:
        return None
    name = text[at:name_end]
    while (end := named(text, skipped(text, source_end), LETTERS + "_:")) > skipped(text, source_end):
        source_end = end
        equals = skipped(text, end)
        if text[equals : equals + 1] == "=":
            start = skipped(text, equals + 1)
            if (value_end := attribute_value(text, start)) == start:
                return None
            source_end = value_end
    at = skipped(text, source_end)
    at += text.startswith("/", at)
    return (at + 1, name.lower(), text[name_end:source_end]) if text.startswith(">", at) else None


class Everything:
    def __contains__(self, _name: object) -> bool:
        return True


@given(
    st.lists(
        st.sampled_from(
            ["<", ">", "/", "a", "b1", " ", "\n", "=", '"', "'", ":", "é", 'a="x"', " b='<'", "<a ", "x=y"]
        ),
        max_size=16,
    ).map("".join)
)
@example("<a" + " b='c'" * 2500 + ">")
@example("<a" + " b='c'" * 2500)
@example("<a b='c' d=>")
@example("<a b c'>")
def test_tags_are_where_a_loop_over_the_characters_says(content: str) -> None:
    expected: list[tuple[int, int, str, str]] = []
    at = 0
    while (at := content.find("<", at)) >= 0:
        if found := tag_at(content, at):
            expected.append((at, *found))
            at = found[0]
        else:
            at += 1
    assert [(tag.start, tag.end, tag.name, tag.source) for tag in tags(content, Everything())] == expected


def only_markers(text: str) -> bool:
    """Whether there are edit markers and blanks, and nothing else."""
    at, count = skipped(text, 0), 0
    while at < len(text):
        lower = text[at:].lower()
        end = text.find(">", at)
        if not lower.startswith("<e_m") or end < 0 or "<" in text[at + 1 : end]:
            return False
        own = text[at + 4 : end]
        if own not in ("", "/") and not SPACE.match(own[0]):
            return False
        count, at = count + 1, skipped(text, end + 1)
        if text[at:].lower().startswith("</e_m"):
            after = skipped(text, at + 5)
            if text[after : after + 1] != ">":
                return False
            at = skipped(text, after + 1)
    return count > 0


@given(
    st.lists(
        st.sampled_from(
            ["<e_m", "<E_M ts='1'", ">", "/>", "</e_m", "</e_m>", "<e_m>", "<e_m a='b'/>", " ", "\n", "x", "<"]
        ),
        min_size=1,
        max_size=12,
    ).map("".join)
)
@example("<e_m ts='1'></e_m>" * 2500)
@example("<e_m ts='1'></e_m>" * 2500 + "x")
@example("<e_m a></e_m ><e_m></e_m")
def test_a_message_of_edit_markers_alone_is_what_a_loop_says(content: str) -> None:
    assert bool(edit_flags(content, {})) == only_markers(content)
