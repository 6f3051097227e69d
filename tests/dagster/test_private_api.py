"""What other libraries do not promise is used in one room, where each use says why."""

import ast
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTANCE = ROOT / "skype_assets" / "instance"
MODULES = [path for room in ("skype_assets", "resources", "io_managers") for path in (ROOT / room).rglob("*.py")]


def parsed(path: Path) -> ast.Module:
    """A module's tree. CPython before 3.11.5 counts the depth of all threads together and may refuse (gh-106905)."""
    with contextlib.suppress(SystemError):
        return ast.parse(path.read_text(encoding="utf-8"))
    return ast.parse(path.read_text(encoding="utf-8"))


def private_imports(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports of what another library's name or module marks as private."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for name in node.names:
                first, *parts = f"{module}{name.name}".split(".")
                if first != "skype_assets" and any(part.startswith("_") for part in parts):
                    yield node


def test_only_the_room_of_the_instance_imports_what_is_private() -> None:
    found = {path.relative_to(ROOT) for path in MODULES if list(private_imports(path))}
    assert len(MODULES) > 100
    assert {path.parent for path in found} == {Path("skype_assets/instance")}


@pytest.mark.parametrize("path", sorted(INSTANCE.glob("*.py")), ids=lambda path: path.name)
def test_every_private_import_has_a_reason_above_it(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in private_imports(path):
        above = lines[node.lineno - 2].lstrip()
        follows_another = any(node.lineno - 1 == other.lineno for other in private_imports(path))
        assert above.startswith("# ") or follows_another, f"{path.name}:{node.lineno}"
