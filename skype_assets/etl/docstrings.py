"""What a module defines, as Markdown: signatures and docstrings as they are written in its source.

From the source and not from the objects, whose signatures each version of Python writes in a way of its own.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from typing import Final

_SECTION: Final = re.compile(r"^(Args|Attributes|Raises|Returns):\n", re.MULTILINE)
_INDENTED: Final = re.compile(r"(?:[ \t]+.*(?:\n|$)|\n)*")
_ITEM: Final = re.compile(r"^([\w, ]+): ")
_WIDTH: Final = 110


def entry(name: str, module: str) -> str:
    """The section of a class with its public methods and properties, of a function, or of a constant.

    Raises:
        LookupError: the module does not define it.
    """
    return "\n\n".join([f"### {name}", *_entry(name, module)])


def _entry(name: str, module: str) -> Iterator[str]:
    source = inspect.getsource(import_module(module))
    body = ast.parse(source).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.ClassDef(name=found) if found == name:
                yield from _class(node, module)
                return
            case ast.FunctionDef(name=found) if found == name:
                yield from _function(name, node)
                return
            case ast.Assign(targets=[ast.Name(id=found)]) | ast.AnnAssign(target=ast.Name(id=found)) if found == name:
                yield _code(ast.get_source_segment(source, node) or "")
                if isinstance(following, ast.Expr):
                    yield markdown(ast.literal_eval(following.value))
                return
            case _:
                pass
    raise LookupError(f"{module} does not define {name}: skype_assets has to name the module that does")


def _class(node: ast.ClassDef, module: str) -> Iterator[str]:
    methods = _methods(node, module)
    made = methods.pop("__init__", None)
    fields = [ast.unparse(member) for member in node.body if isinstance(member, ast.AnnAssign)]
    if made is not None:
        yield _code(_call(node.name, made, skipped=1))
    elif _decorators(node):
        yield _code(_wrapped(node.name, [field for field in fields if not field.startswith("_")]))
    else:
        yield _code(f"class {node.name}({', '.join(ast.unparse(base) for base in node.bases)})")
    yield markdown(ast.get_docstring(node))
    for name, method in methods.items():
        if not name.startswith("_"):
            yield f"#### {node.name}.{name}"
            called_on_class = _decorators(method) & {"classmethod", "staticmethod"}
            skipped = 0 if "staticmethod" in called_on_class else 1
            yield from _function(f"{node.name}.{name}" if called_on_class else name, method, skipped)


def _methods(node: ast.ClassDef, module: str) -> dict[str, ast.FunctionDef]:
    """What a class has, the methods of its bases in this package first."""
    found: dict[str, ast.FunctionDef] = {}
    for base in getattr(import_module(module), node.name).__bases__:
        if base.__module__.partition(".")[0] == module.partition(".")[0]:
            source = ast.parse(inspect.getsource(import_module(base.__module__))).body
            [inherited] = [one for one in source if isinstance(one, ast.ClassDef) and one.name == base.__name__]
            found |= _methods(inherited, base.__module__)
    return found | {member.name: member for member in node.body if isinstance(member, ast.FunctionDef)}


def _function(name: str, node: ast.FunctionDef, skipped: int = 0) -> Iterator[str]:
    if "property" in _decorators(node):
        yield _code(f"{name}: {ast.unparse(node.returns)}" if node.returns else name)
    else:
        yield _code(_call(name, node, skipped))
    yield markdown(ast.get_docstring(node))


def _decorators(node: ast.ClassDef | ast.FunctionDef) -> set[str]:
    return {ast.unparse(decorator) for decorator in node.decorator_list}


def _call(name: str, node: ast.FunctionDef, skipped: int) -> str:
    """A signature without its first arguments, ``self`` or ``cls``."""
    arguments = node.args
    required = [None] * (len(arguments.args) - len(arguments.defaults))
    given = [_argument(*each) for each in zip(arguments.args, [*required, *arguments.defaults], strict=True)]
    named = [_argument(*each) for each in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    listed = given[skipped:] + ["*"] * bool(named) + named
    returned = f" -> {ast.unparse(node.returns)}" if node.returns and ast.unparse(node.returns) != "None" else ""
    line = f"{name}({', '.join(listed)}){returned}"
    return line if len(line) <= _WIDTH else _wrapped(name, listed) + returned


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(argument) + (f" = {ast.unparse(default)}" if default else "")


def _wrapped(name: str, lines: list[str]) -> str:
    return f"{name}(\n" + "".join(f"    {line},\n" for line in lines) + ")"


def _code(text: str) -> str:
    return f"```py\n{text}\n```"


def markdown(docstring: str | None) -> str:
    """A docstring's paragraphs, lists of arguments and the like, and literal blocks."""
    text, *sections = _SECTION.split(inspect.cleandoc(docstring or ""))
    blocks = _paragraphs(text)
    for title, content in zip(sections[::2], sections[1::2], strict=True):
        indented = _INDENTED.match(content)
        assert indented is not None, "it matches nothing as well"
        blocks += _section(title, textwrap.dedent(indented[0]).strip())
        blocks += _paragraphs(content[indented.end() :])
    return "\n\n".join(blocks)


def _paragraphs(text: str) -> list[str]:
    found = re.split(r"::\n\n((?:[ \t]+.*(?:\n|$)|\n)+)", text)
    blocks: list[str] = []
    for paragraph, literal in zip(found[::2], [*found[1::2], ""], strict=True):
        if paragraph.strip():
            # "Example::" keeps a colon; a line that is nothing but "::" leaves none.
            blocks.append(_inline(paragraph.strip()) + ":" * (bool(literal) and not paragraph.endswith("\n")))
        if literal:
            blocks.append(f"```text\n{textwrap.dedent(literal).strip()}\n```")
    return blocks


def _section(title: str, text: str) -> list[str]:
    """``name: what it is`` as a list; what is returned has no name."""
    items = [" ".join(item.split()) for item in re.split(r"\n(?=\S)", text)]
    if title == "Returns":
        return [_inline(f"**{title}:** {' '.join(items)}")]
    return [f"**{title}:**", "\n".join(_inline(_ITEM.sub(_bullet, item, count=1)) for item in items)]


def _bullet(name: re.Match[str]) -> str:
    return f"- {', '.join(f'`{one}`' for one in name[1].split(', '))}: "


def _inline(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", text)
