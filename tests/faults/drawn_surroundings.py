"""T19: a load in surroundings that are drawn at random is right, or refused with a line that is true.

Every seventh or so is of an export with hostile values, drawn as well, and begins with that.

``SURROUNDINGS`` is what can be drawn. Each changes the stage on which a load takes place, and says with which refusals
it may end; what it did to the server is taken back at the end. More kinds are added there.
"""

import os
import random
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

from psycopg2.extensions import parse_dsn

from skype_assets.etl.database.ddl import VERSION_TABLE
from skype_assets.etl.postgres.url import from_config
from skype_assets.etl.task import Task
from tests.database.settings_of_others import SETTINGS, assignment
from tests.engine.database_content import query
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.checks import after_success, resumed
from tests.faults.children import Armed, run
from tests.faults.hostile_values import Hostile, drawn
from tests.faults.world import Place, World
from tests.poolers import pooled

_HOSTILE: Final = 0.15
"""How often an export with hostile values is drawn."""

_ENCODINGS: Final = ("LATIN1", "SQL_ASCII", "EUC_JP", "WIN1252")
_FOR_SUPERUSERS: Final = ("session_replication_role", "lc_messages", "commit_delay")
_TABLESPACES: Final = ("default_tablespace", "temp_tablespaces")
_OF_POOLED: Final = {"statement_timeout", "idle_session_timeout", "transaction_timeout"}
"""What may end a pooler's own session with the server before it is anybody's."""

_VARIABLES: Final = (
    {"PGCLIENTENCODING": "LATIN1"}, {"PGTZ": "America/St_Johns"}, {"PGDATESTYLE": "German"}, {"PGAPPNAME": "somebody"},
)  # fmt: skip


@dataclass
class Stage:
    """Where a load takes place.

    Attributes:
        place: with an empty database, and the checkpoints of the phases before the load.
        rng: of all that is drawn.
        url: how the load reaches its database.
        environment: variables of the load's process.
        refusals: patterns of the errors with which it may end.
        drawn: what was drawn, for the report.
        taken_back: what is done at the end, whatever came of it.
    """

    place: Place
    rng: random.Random
    url: str
    taken_back: ExitStack
    environment: dict[str, str] = field(default_factory=dict[str, str])
    refusals: list[str] = field(default_factory=list[str])
    drawn: list[str] = field(default_factory=list[str])

    def ask(self, statement: str) -> None:
        query(self.place.world.url("postgres"), statement)

    def change(self, statement: str, back: str) -> None:
        """Change something of the server until the end."""
        self.taken_back.callback(self.ask, back)
        self.ask(statement)

    @property
    def database(self) -> str:
        return parse_dsn(self.url)["dbname"]

    @property
    def user(self) -> str:
        return parse_dsn(self.url)["user"]


def _another_role(stage: Stage) -> None:
    """The owner of the tables is an ordinary role; or they are somebody else's, who has granted what is needed."""
    role = f"{stage.place.folder.name}_role"
    if not query(stage.place.world.url("postgres"), f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
        stage.ask(f"CREATE ROLE {role} LOGIN")
    query(stage.place.url, f"REVOKE CREATE ON DATABASE {stage.database} FROM {role}")
    if stage.rng.random() < 0.5:
        stage.drawn.append("an ordinary owner")
        query(stage.place.url, f"GRANT CREATE ON DATABASE {stage.database} TO {role}")
    else:
        stage.drawn.append("a second role")
        assert run(stage.place.task(), ("load",)).how == "done"
        tables = [
            name
            for (name,) in query(stage.place.url, "SELECT tablename FROM pg_tables WHERE schemaname = 'skype'")
            if name != VERSION_TABLE
        ]
        query(stage.place.url, f"TRUNCATE {', '.join(f'skype.{name}' for name in tables)}")
        query(stage.place.url, f"GRANT USAGE ON SCHEMA skype TO {role}")
        query(stage.place.url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA skype TO {role}")
        stage.place.begin_again("load")
    stage.url = from_config({**parse_dsn(stage.url), "user": role})


def _another_encoding(stage: Stage) -> None:
    encoding = stage.rng.choice(_ENCODINGS)
    name = f"{stage.place.folder.name}_{encoding.lower()}"
    if not query(stage.place.world.url("postgres"), f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        stage.ask(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
    stage.url = from_config({**parse_dsn(stage.url), "dbname": name})
    stage.drawn.append(encoding)
    stage.refusals.append(f"database (?:{name} )?has the encoding {encoding}, .*CREATE DATABASE name ENCODING 'UTF8'")


def _settings(stage: Stage) -> None:
    """Some settings, each set in one of the places where that can be done."""
    for name in stage.rng.sample(sorted(SETTINGS), stage.rng.randint(1, 4)):
        where = stage.rng.choice(["database", "role", "url", "PGOPTIONS"])
        stage.drawn.append(f"{name} for {where}")
        if name in _FOR_SUPERUSERS and stage.user != "skype":
            stage.refusals.append(f'permission denied to set parameter "{name}"')
        if name in _TABLESPACES and where in ("url", "PGOPTIONS"):  # elsewhere, one that is not there counts as none
            stage.refusals.append(f'invalid value for parameter "{name}"')
        if where in ("database", "role"):
            of = (
                f"DATABASE {stage.database}"
                if where == "database"
                else f"ROLE {stage.user} IN DATABASE {stage.database}"
            )
            stage.change(f"ALTER {of} SET {assignment(name)}", f"ALTER {of} RESET ALL")
            continue
        option = f"-c {name}={SETTINGS[name].replace(' ', chr(92) + ' ')}"
        if where == "url":
            before, _, after = stage.url.partition("options=")
            url, sign = (before, "") if after else (f"{stage.url}&", "")
            stage.url = f"{url}options={after}{sign}{'%20' if after else ''}{quote(option)}"
        else:
            stage.environment["PGOPTIONS"] = f"{stage.environment.get('PGOPTIONS', '')} {option}".strip()


def _variables(stage: Stage) -> None:
    variables = stage.rng.choice(_VARIABLES)
    stage.drawn.append(str(variables))
    stage.environment |= variables


def _pooler(stage: Stage) -> None:
    """One in transaction mode; it is no place for options, which some of them cannot pass on."""
    size = stage.rng.choice([1, 2])
    stage.drawn.append(f"a pooler of {size}")
    has_options = "options=" in stage.url or "PGOPTIONS" in stage.environment
    stage.refusals += ["does not take options: leave it out"] if has_options else []
    # What counts when the driver connects, and cannot be set otherwise without options.
    drawn = {text.partition(" for ")[0] for text in stage.drawn}
    stage.refusals += ["quote_all_identifiers is on"] if "quote_all_identifiers" in drawn else []
    stage.refusals += ["statement timeout: so little is set"] if "statement_timeout" in drawn else []
    stage.refusals += ["invalid server parameter: the pooler between"] if drawn & _OF_POOLED else []
    server, _, keywords = stage.url.partition("options=")
    stage.url = stage.taken_back.enter_context(pooled(server.rstrip("&"), size))
    stage.url += f"&options={keywords}" if keywords else ""


SURROUNDINGS: Final[tuple[tuple[float, Callable[[Stage], None]], ...]] = (
    (0.4, _another_role),
    (0.1, _another_encoding),
    (0.9, _settings),
    (0.3, _variables),
    (0.3, _pooler),
)
"""How often each is drawn, in the order in which they change the stage."""


def _cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    rng = random.Random(seed)
    return [(rng.randrange(2**32),) for _ in range(size.surroundings)]


def _task(stage: Stage, hostile: Hostile | None) -> Task:
    """The load of the sample, or everything that is done with another export."""
    task = replace(stage.place.task(), database=stage.url)
    if hostile is None:
        return task
    stage.place.begin_again("extract")
    stage.place.folder.mkdir()
    stage.drawn.append("hostile values")
    return replace(task, source=hostile.write(stage.place.folder))


def _run(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    rng = random.Random(case[0])
    place.begin("load")
    chance = random.Random(f"hostile {case[0]}")
    hostile = drawn(chance.randrange(2**32)) if chance.random() < _HOSTILE else None
    with ExitStack() as taken_back:
        stage = Stage(place, rng, place.url, taken_back)
        for share, change in SURROUNDINGS:
            if rng.random() < share:
                change(stage)
        task = _task(stage, hostile)
        before = dict(os.environ)
        os.environ.update(stage.environment)
        try:
            outcome = run(task, armed=Armed(bugs=bugs))
        finally:
            for name in stage.environment.keys() - before.keys():
                del os.environ[name]
            os.environ.update(before)
    report = Report(1, {", ".join(stage.drawn)})
    if outcome.how == "done":
        report.wrong += hostile.wrong(place.url) if hostile else after_success(place, outcome)
        report.wrong += [f"not refused: {pattern}" for pattern in stage.refusals if "encoding" in pattern]
    elif not any(re.search(pattern, outcome.message) for pattern in stage.refusals):
        report.wrong.append(f"ended with {outcome.how}: {outcome.message}")
    elif not hostile:
        report.wrong += resumed(place)
    report.wrong = [f"{wrong} ({', '.join(stage.drawn)})" for wrong in report.wrong]
    return report


TESTS = (Test("T19", "settings, encodings, poolers, roles around a load", _cases, _run),)
