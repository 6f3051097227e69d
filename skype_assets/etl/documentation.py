"""The reference pages of ``docs/``, made from the lists that the code itself works by.

``python -m skype_assets.etl.documentation`` in the project's folder writes them; a test compares.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import skype_assets
from skype_assets.etl import docstrings, errors
from skype_assets.etl.content.message_types import MESSAGE_TYPES, UNKNOWN
from skype_assets.etl.database.ddl import POSTGRES_TYPES, SCHEMA
from skype_assets.etl.schema.flags import FLAGS, MEDIA_FLAGS
from skype_assets.etl.schema.tables import TABLES, Column, Table
from skype_assets.etl.schema.views import VIEWS

_GENERATED: Final = "<!-- Made by `python -m skype_assets.etl.documentation`; change the code, not this file. -->"

_TABLES: Final = f"""
The tables are in the schema `{SCHEMA}`. The Parquet checkpoint `transformed_tables` has the same ones, but for
`load_parts`. Numbers in the column *source* are sections of the [export format reference](format.md). An MRI is Skype's
id of a person, bot, phone number or conversation (2.5).

In the column *null*, `key` is a part of the primary key and `no` is NOT NULL. Columns marked *run* depend on the run
that loaded the rows, not on the export; the digests that compare two databases leave them out.

Beside these tables the schema has `attempts`, which fences loads (see [architecture](architecture.md)).
"""

_MESSAGE_TYPES: Final = f"""
Skype names the type of a message in `messagetype`, kept as `messages.message_type`; `messages.kind` is a shorter name
of ours. The grade says how sure it is that a type occurs in exports: A two readers of real exports agree, B one source,
C known from Skype itself only (section 0.1 of the [export format reference](format.md)).

`messages.text` is the content as it is (*literal*), the content without markup (*markup*), or empty (*none*); the
content itself is in `messages.content` either way. *Feeds* names further tables that the content feeds. Every type may
have rows in `reactions`.

A type that is not in this list has the kind `{UNKNOWN}`; its messages are loaded like all others, with their content.
"""

_FLAGS: Final = """
`messages.flags` names what had to be changed or guessed to store a message; for nearly all messages it is empty. The
bytes as they were exported stay in the checkpoint `raw_export`, at `source_offset`.
"""

_MEDIA_FLAGS: Final = """
`media_files.flags` names what is odd about an object of `media/`:
"""

_API_INTRODUCTION: Final = """
All that `skype_assets` exports. Whatever else the package has is private and may change at any time; what changes of
this is in the [changelog](../CHANGELOG.md). A name is imported when it is used: `import skype_assets` costs nothing.
"""

_API: Final = {
    "A pipeline": ("ETLPipeline", "ETLContext", "DbConfig", "find_manifests", "choose_manifest"),
    "A task, phase by phase": (
        "Task",
        "Settings",
        "fingerprint",
        "Source",
        "task_id_for",
        "PHASES",
        "run",
        "run_phase",
        "Observer",
        "Progress",
        "PhaseResult",
        "open_phase",
        "PhaseTables",
        "TableHandle",
    ),
    "Verification": ("verify", "Sample", "Findings", "Check"),
    "Taking an export out of the database": ("unload", "Unloaded"),
}
"""The headings of the API's page; what is for code locations and the errors come last."""

_CODE_LOCATION: Final = f"""
For the code location of another project, as [code-location.md](code-location.md) shows. These are imported from the
modules that define them, as they need Dagster, which the rest does without:
{", ".join(f"`from {module} import {name}`" for name, module in skype_assets.CODE_LOCATION.items())}.
"""


def tables() -> str:
    """The page of the tables."""
    overview = _table(
        ("table", "holds", "key"),
        (
            (f"[`{table.name}`](#{table.name})", table.meaning, _names(table.key) or "none")
            for table in (*TABLES.values(), *VIEWS.values())
        ),
    )
    sections = (_section(table) for table in (*TABLES.values(), *VIEWS.values()))
    return "\n".join([_GENERATED, "# Tables", _TABLES, overview, *sections])


def message_types() -> str:
    """The page of the message types."""
    types = MESSAGE_TYPES.values()
    rows = ((f"`{t.name}`", f"`{t.kind}`", t.grade, t.meaning, t.text, _names(t.feeds)) for t in types)
    columns = ("Skype's type", "kind", "grade", "meaning", "text", "feeds")
    return "\n".join([_GENERATED, "# Message types", _MESSAGE_TYPES, _table(columns, rows)])


def flags() -> str:
    """The page of the flags."""
    of_messages, of_media = (
        _table(("flag", "meaning"), ((f"`{flag}`", meaning) for flag, meaning in flags.items()))
        for flags in (FLAGS, MEDIA_FLAGS)
    )
    return "\n".join([_GENERATED, "# Flags", _FLAGS, of_messages, _MEDIA_FLAGS.strip(), "", of_media])


def api() -> str:
    """The page of the Python API."""
    known = {name for names in _API.values() for name in names}
    tree = [name for name in vars(errors) if name in set(skype_assets.__all__) - known]
    page = [f"{_GENERATED}\n# Python API\n{_API_INTRODUCTION.rstrip()}"]
    for heading, names in _API.items():
        page += [f"## {heading}", *(docstrings.entry(name, skype_assets.home(name)) for name in names)]
    page += ["## In a Dagster project", _CODE_LOCATION.strip()]
    page += [docstrings.entry(name, module) for name, module in skype_assets.CODE_LOCATION.items()]
    page += ["## Errors", docstrings.markdown(errors.__doc__)]
    page += [docstrings.entry(name, skype_assets.home(name)) for name in tree]
    return "\n\n".join(page) + "\n"


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "api.md": api,
    "tables.md": tables,
    "message-types.md": message_types,
    "flags.md": flags,
}
"""What makes each page of ``docs/``."""


def main() -> None:
    """Write the pages into ``docs/`` of the working directory."""
    for name, page in PAGES.items():
        (Path("docs") / name).write_text(page(), encoding="utf-8")


def _section(table: Table) -> str:
    text = [f"## {table.name}\n", table.meaning]
    if table.parent:
        text.append(f"References [`{table.parent}`](#{table.parent}) by {_names(TABLES[table.parent].key)}.")
    rows = (
        (f"`{c.name}`", POSTGRES_TYPES[c.type], _null(table, c), c.meaning + " *(run)*" * c.run, c.source)
        for c in table.columns
    )
    return "\n".join([*text, "", _table(("column", "type", "null", "meaning", "source"), rows)])


def _null(table: Table, column: Column) -> str:
    if column.name in table.key:
        return "key"
    return "no" if column.required else ""


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(_lines(columns, rows)) + "\n"


def _lines(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for cells in (columns, ("---",) * len(columns), *rows):
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


if __name__ == "__main__":
    main()
