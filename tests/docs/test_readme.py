"""What README.md shows is what a run gives: its queries, its table of tables, its links."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.database.session import Session
from skype_assets.etl.postgres.embedded import binaries
from skype_assets.etl.schema.tables import TABLES
from skype_assets.etl.task import Task

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def test_the_queries_give_what_is_shown_and_all_but_the_named_tables_are_filled(
    postgres_url: str, tmp_path: Path
) -> None:
    engine.run(Task("readme", tmp_path, ROOT / "examples" / "sample_export.tar", postgres_url))
    shown = re.findall(r"^```sql\n(.*?)^```\n\n```text\n(.*?)^```\n", README, re.MULTILINE | re.DOTALL)
    assert len(shown) == README.count("```sql") == 3
    for statement, output in shown:
        assert _psql(postgres_url, statement) == output.splitlines()
    with Session(postgres_url) as session:
        # The export is whole, nobody gave names, no client of that time told the initiator's, and the few duplicates do
        # not say everything.
        empty = [name for name in _empty(session) if not name.startswith("superseded_copies.")]
        assert empty == ["exports.unreadable_bytes", "given_names", "thread_events.initiator_name"]


def test_the_table_of_tables_names_every_table_and_columns_that_it_has() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", README, re.MULTILINE)
    assert [name for name, _ in rows] == list(TABLES)
    for name, columns in rows:
        assert set(columns.split(", ")) <= {column.name for column in TABLES[name].columns}, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not target.startswith("https://")]
    headings = {file: _anchors(file) for file in PAGES}
    for target in targets:
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not anchor or anchor in headings[file], target


@pytest.mark.parametrize(("page", "at_least"), [("docs/architecture.md", 40), ("CONTRIBUTING.md", 15)])
def test_every_file_and_folder_that_a_page_for_developers_names_is_there(page: str, at_least: int) -> None:
    named = set(re.findall(r"`((?:\w+/)*\w+\.py|(?:\w+/)+)`", (ROOT / page).read_text(encoding="utf-8")))
    roots = (ROOT, ROOT / "skype_assets", ROOT / "skype_assets" / "etl")
    assert len(named) > at_least
    assert [name for name in sorted(named) if not any((root / name).exists() for root in roots)] == []


def _psql(url: str, statement: str) -> list[str]:
    """What psql prints, without blanks at line ends."""
    command = [binaries() / "psql", "--no-psqlrc", "--pset=pager=off", f"--dbname={url}", f"--command={statement}"]
    environment = {**os.environ, "PGTZ": "UTC", "PGCLIENTENCODING": "UTF8"}
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True)
    return [line.rstrip() for line in done.stdout.rstrip("\n").splitlines()]


def _empty(session: Session) -> list[str]:
    """Tables without rows, and columns without values in those that have some."""
    empty: list[str] = []
    for table in TABLES.values():
        counted = ", ".join(f"count({column.name})" for column in table.columns)
        rows, *values = session.rows(f"SELECT count(*), {counted} FROM skype.{table.name}")[0]
        names = [f"{table.name}.{column.name}" for column in table.columns]
        empty += [name for name, value in zip(names, values, strict=True) if not value] if rows else [table.name]
    return empty


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made from the headings' words."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
