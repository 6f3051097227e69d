"""``sample``, ``db``, ``dev`` and ``add``."""

from pathlib import Path

import pytest

from skype_assets.etl.postgres.url import without_password
from skype_assets.etl.sample import write_sample
from skype_assets.etl.sample.conversations import PROFILES
from tests.command_line.conftest import Invoke, Start


@pytest.mark.parametrize("profile", PROFILES)
def test_sample_knows_every_profile(profile: str, invoke: Invoke, workplace: Path) -> None:
    assert invoke("sample", "mine.json", "--messages", 400, "--profile", profile).exit_code == 0
    write_sample(workplace / "same.json", messages=400, profile=profile)
    assert (workplace / "mine.json").read_bytes() == (workplace / "same.json").read_bytes()


def test_sample_writes_what_it_says_and_nothing_over_what_is_there(invoke: Invoke, workplace: Path) -> None:
    made = invoke("sample", "mine.tar", "--messages", 800, "--seed", 7)
    assert made.exit_code == 0
    write_sample(workplace / "same.tar", messages=800, seed=7)
    written = (workplace / "mine.tar").read_bytes()
    assert written == (workplace / "same.tar").read_bytes()
    assert "messages                      800" in made.stdout
    assert "skype-assets run mine.tar" in made.stdout
    again = invoke("sample", "mine.tar")
    assert again.exit_code == 2
    assert (workplace / "mine.tar").read_bytes() == written


def test_the_url_is_shown_without_its_password(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", "postgres://reader:p%40ss@db.example/skype")
    assert invoke("db", "url").stdout == "postgresql://reader@db.example/skype\n"
    assert invoke("db", "url", "--with-password").stdout == "postgresql://reader:p%40ss@db.example/skype\n"
    status = invoke("db", "status").stdout
    assert status.startswith("database: postgresql://reader@db.example/skype (from SKYPE_DATABASE_URL)\n")
    assert "not running" in status


def test_psql_opens_the_database_with_the_password_out_of_sight(
    start: Start, workplace: Path, tcp_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", tcp_postgres_url)
    process = start(
        "db", "psql", "-XAtc", r"\! tr '\0' ' ' < /proc/$PPID/cmdline; echo", "-c", "SELECT current_database()"
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    command, database = out.splitlines()
    assert f"psql --dbname={without_password(tcp_postgres_url)}" in command
    assert database == tcp_postgres_url.rsplit("/", 1)[1]


def test_psql_writes_in_the_encoding_of_the_locale_whatever_is_set_for_the_database(
    start: Start, workplace: Path, tcp_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", tcp_postgres_url)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    name = tcp_postgres_url.rsplit("/", 1)[1]
    for statement, said in (
        (f"ALTER DATABASE {name} SET client_encoding = LATIN1", "ALTER DATABASE"),
        ("SELECT 'é€'", "é€"),
    ):
        out, err = start("db", "psql", "-XAtc", statement).communicate(timeout=60)
        assert out == f"{said}\n", err


def test_psql_that_cannot_connect_says_what_chose_the_database(
    start: Start, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", str(workplace))
    process = start("db", "psql", "-Xc", "SELECT 1")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.endswith("this database was chosen by PGHOST\n")


def test_the_embedded_server_starts_on_demand_and_stops_when_told(
    start: Start, server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_POSTGRES_DIR", str(server_folder))

    def said(*arguments: str) -> str:
        process = start("db", *arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out

    assert "not running" in said("status")
    assert said("url").startswith("postgresql://skype@/skype?host=")
    assert "embedded server: running, process " in said("status")
    assert said("stop") == "stopped\n"
    assert said("stop").startswith("not running")


def test_add_registers_an_export_and_says_what_to_type(
    start: Start, workplace: Path, sample_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "home").mkdir()
    (workplace / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(workplace / "home"))
    process = start("add", sample_tar, "--task-id", "mine")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.startswith("registered: mine\nNext, one of:\n")
    assert "--partition mine\n" in out
    [link] = (workplace / "exports").iterdir()
    assert link.samefile(sample_tar)


def test_a_report_that_fails_is_a_warning_after_a_load_that_succeeded(
    invoke: Invoke, database: str, workplace: Path, sample_tar: Path
) -> None:
    (workplace / "dagster.yaml").write_text("nonsense: true\n")
    ran = invoke("run", sample_tar, "--max-workers", 1)
    assert ran.exit_code == 0
    warning = ran.stderr.splitlines()[-1]
    assert warning.startswith("warning: the load is complete, but was not reported to Dagster: ")
    assert "nothing to do" in invoke("run", sample_tar, "--no-report").stdout


NO_MESSAGE = b'{"userId":"8:live:mara.ostrow","conversations":[{"id":"8:a","MessageList":[]}]}'


def test_add_refuses_what_run_would_refuse_and_lays_nothing_out(
    invoke: Invoke, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "given").mkdir()
    (workplace / "given" / "messages.json").write_bytes(NO_MESSAGE)
    refused = invoke("add", "given")
    assert refused.exit_code == 3
    assert refused.stderr.startswith("error: given: the export holds no message. If that is meant, say so: ")
    assert [path.name for path in workplace.iterdir()] == ["given"]


@pytest.mark.parametrize("command", [("add", "sample.tar"), ("dev",)])
def test_a_home_of_dagster_that_is_not_there_is_one_line(
    command: tuple[str, ...], invoke: Invoke, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sample(workplace / "sample.tar", messages=20, media=False)
    monkeypatch.setenv("DAGSTER_HOME", "/nonexistent")
    refused = invoke(*command)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: DAGSTER_HOME names /nonexistent, which is no folder; ")
    assert refused.stderr.count("\n") == 1
