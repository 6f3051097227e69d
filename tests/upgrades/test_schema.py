"""Databases of earlier releases become what is made today, in one transaction, or are refused by name."""

import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from skype_assets.etl.database import completion, ddl, upgrading
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.postgres.url import from_config
from skype_assets.etl.version import SCHEMA
from tests.conftest import NewDatabase
from tests.engine.database_content import query
from tests.upgrades.conftest import RELEASES, Leaves

# Everything about the tables that does not depend on the order in which they and their columns were made.
CATALOGUE = {
    "columns": """
        SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, l.collname,
               pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_collation l ON l.oid = a.attcollation
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'skype'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0
          AND NOT a.attisdropped""",
    "keys": """
        SELECT conrelid::regclass::text, conname, contype, convalidated, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'skype'::regnamespace""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'skype'",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'skype'",
    "comments": """
        SELECT c.relname, obj_description(c.oid, 'pg_class') FROM pg_class c
        WHERE c.relnamespace = 'skype'::regnamespace AND c.relkind IN ('r', 'v')""",
    "version": "SELECT version_num FROM skype.schema_version",
}


def catalogue(url: str) -> dict[str, list[str]]:
    return {name: sorted(map(str, query(url, statement))) for name, statement in CATALOGUE.items()}


def made(url: str) -> str:
    with Session(url) as session:
        upgrading.bring_up_to_date(session)
        ddl.create(session)
        completion.complete(session)
    return url


@pytest.mark.parametrize("release", RELEASES)
def test_an_upgraded_database_has_the_catalogue_of_a_new_one(
    release: str, left_by: Leaves, new_database: NewDatabase
) -> None:
    upgraded, fresh = catalogue(made(left_by(release).url)), catalogue(made(new_database()))
    for name in CATALOGUE:
        assert upgraded[name] == fresh[name]
    assert fresh["version"] == [f"('{SCHEMA}',)"]


def test_everything_that_is_made_says_what_it_means(new_database: NewDatabase) -> None:
    url = made(new_database())
    nothing = (
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'skype'::regnamespace AND c.relkind IN ('r', 'v')"
    )
    assert query(url, f"{nothing} AND obj_description(c.oid, 'pg_class') IS NULL") == []
    text = "SELECT col_description('skype.messages'::regclass, attnum) FROM pg_attribute WHERE attname = 'edit_of'"
    assert query(url, f"{text} AND attrelid = 'skype.messages'::regclass") == [
        ("message_id of the original, on the copy that an edit left",)
    ]


def test_the_newest_revision_is_the_version_of_the_schema_and_each_says_what_it_rewrites() -> None:
    script = upgrading.scripts()
    assert script.get_heads() == [SCHEMA]
    revisions = list(script.walk_revisions())
    assert [revision.revision for revision in revisions] == [f"{n:04}" for n in range(len(revisions), 0, -1)]
    for revision in revisions:
        assert isinstance(revision.module.REWRITES, tuple)
        assert Path(revision.path).name.startswith(f"{revision.revision}_")
        assert ";\n\n" not in Path(revision.path).read_text(), "statements are told apart by it"


@pytest.mark.parametrize("release", RELEASES)
def test_what_a_dry_run_prints_is_what_an_upgrade_does(release: str, left_by: Leaves, tmp_path: Path) -> None:
    left, other = left_by(release), left_by(release)
    before = catalogue_without_version(left.url)
    printed = _db_upgrade(left.url, "--dry-run")
    assert catalogue_without_version(left.url) == before
    done = _db_upgrade(left.url)
    assert f"to {SCHEMA}" in done
    query(other.url, printed)
    assert catalogue(other.url) == catalogue(left.url)
    assert "nothing to upgrade" in _db_upgrade(left.url)
    assert "nothing to upgrade" in _db_upgrade(left.url, "--dry-run")


def catalogue_without_version(url: str) -> dict[str, list[str]]:
    return {name: sorted(map(str, query(url, statement))) for name, statement in CATALOGUE.items() if name != "version"}


def test_a_database_of_a_newer_program_is_refused_with_both_versions_and_stays_as_it_is(
    new_database: NewDatabase,
) -> None:
    url = made(new_database())
    query(url, "UPDATE skype.schema_version SET version_num = '0999'; ALTER TABLE skype.messages ADD COLUMN mood text")
    before = catalogue(url)
    with Session(url) as session:
        for asked in (upgrading.bring_up_to_date, upgrading.require_newest):
            with pytest.raises(DatabaseError, match=f"0999.*up to {SCHEMA}"):
                asked(session)
    assert catalogue(url) == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE skype.links DROP COLUMN title", r"skype\.links .*\(title\)"),
        ("ALTER TABLE skype.messages ADD COLUMN note text", r"skype\.messages .*\(note\)"),
        ("ALTER TABLE skype.quotes ALTER COLUMN text TYPE varchar", r"skype\.quotes .*\(text\)"),
        ("ALTER TABLE skype.participants ADD COLUMN name_source text", r"skype\.participants .*\(name_source\)"),
        ("DROP TABLE skype.rejects", r"removed skype\.rejects"),
    ],
)
def test_of_the_first_release_what_somebody_changed_is_named_by_whoever_looks(
    change: str, told: str, left_by: Leaves
) -> None:
    url = left_by("0.1.0").url
    query(url, change)
    before = catalogue_without_version(url)
    with Session(url) as session:
        for asked in (upgrading.upgrade_of, upgrading.bring_up_to_date, upgrading.require_newest):
            with pytest.raises(DatabaseError, match=told):
                asked(session)
    for option in ((), ("--dry-run",)):
        assert not _db_upgrade(url, *option, exit_code=DatabaseError.exit_code)
    assert catalogue_without_version(url) == before


def test_tables_without_a_version_get_one_by_an_upgrade_or_a_run(new_database: NewDatabase) -> None:
    url = made(new_database())
    expected = catalogue(url)
    undone = """DROP TABLE skype.schema_version, skype.replacements;
        ALTER TABLE skype.attempts DROP COLUMN nonce, DROP COLUMN epochs"""
    query(url, undone)
    assert "do not say their version" in _db_upgrade(url, "--dry-run")
    with Session(url) as session:
        assert upgrading.version_of(session) is None
    assert f"schema version {SCHEMA}" in _db_upgrade(url)
    assert catalogue(url) == expected
    query(url, undone)
    with Session(url) as session:
        upgrading.bring_up_to_date(session)
    assert catalogue(url) == expected


def test_a_role_that_may_not_upgrade_is_told_who_may(left_by: Leaves) -> None:
    url = left_by("0.1.0").url
    role = f"loads_{uuid.uuid4().hex}"
    query(
        url,
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA skype TO {role}; "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA skype TO {role}",
    )
    before = catalogue_without_version(url)
    with (
        Session(from_config({**parse_dsn(url), "user": role, "password": "x"})) as session,
        pytest.raises(DatabaseError, match=r"0001.*needs 0002.*owner.*db upgrade"),
    ):
        upgrading.bring_up_to_date(session)
    assert catalogue_without_version(url) == before
    query(url, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_an_upgrade_that_takes_long_is_refused_with_the_command_and_an_estimate(
    left_by: Leaves, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = left_by(RELEASES[0]).url
    before = catalogue_without_version(url)
    monkeypatch.setattr(upgrading, "_BYTES_A_SECOND", 1_000)
    with Session(url) as session:
        with pytest.raises(DatabaseError, match=r"about \d+ min.*`skype-assets db upgrade`"):
            upgrading.bring_up_to_date(session)
        assert catalogue_without_version(url) == before
        upgrade = upgrading.upgrade_of(session)
        assert upgrade
        assert upgrading.run(session, upgrade)
        assert upgrading.version_of(session) == SCHEMA
        assert not upgrading.run(session, upgrade), "somebody has done it meanwhile"


def test_tables_that_are_in_use_are_not_waited_for_for_ever(left_by: Leaves, monkeypatch: pytest.MonkeyPatch) -> None:
    url = left_by(RELEASES[0]).url
    monkeypatch.setattr(upgrading, "_LOCK_TIMEOUT", "200ms")
    with Session(url) as reading, Session(url) as session, reading.transaction():
        reading.rows("SELECT count(*) FROM skype.participants")
        with pytest.raises(DatabaseError, match="somebody uses them"):
            upgrading.bring_up_to_date(session)


def test_a_database_that_is_up_to_date_costs_no_import_of_alembic(new_database: NewDatabase) -> None:
    url = made(new_database())
    code = (
        "import sys\nfrom skype_assets.etl.command_line import main\n"
        "from skype_assets.etl.database import upgrading\nfrom skype_assets.etl.database.session import Session\n"
        f"with Session({url!r}) as session: assert upgrading.bring_up_to_date(session) is None\n"
        "print([name for name in ('alembic', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def _db_upgrade(url: str, *options: str, exit_code: int = 0) -> str:
    command = [sys.executable, "-m", "skype_assets.etl.command_line", "db", "upgrade", *options]
    environment = {"SKYPE_DATABASE_URL": url, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == exit_code, done.stderr
    assert not re.search("warning", done.stderr)
    return done.stdout
