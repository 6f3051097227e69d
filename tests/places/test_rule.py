"""The one rule of places: SKYPE_HOME, else the project found upwards, else the data folder of the user."""

import errno
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from skype_assets.etl import places
from skype_assets.etl.errors import UsageError
from skype_assets.etl.export.source import unreadable
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.project import lay_out
from skype_assets.resources.checkpoints import Checkpoints
from skype_assets.resources.exports import Exports
from tests.places.conftest import ROOT


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_without_a_project_it_is_the_data_folder_of_the_user(nowhere: Path) -> None:
    assert places.find().home == nowhere.parent / "data" / "skype-assets"


def test_root_has_no_private_home_that_the_server_could_not_enter(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert not places.find().home.is_relative_to(Path.home())


def test_a_project_is_found_from_every_folder_in_it(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(nowhere)
    for folder in (deep := nowhere / "a" / "b").parent, deep:
        folder.mkdir(mode=0o755)
    monkeypatch.chdir(deep)
    assert places.find().home == nowhere
    assert places.find().has_dagster


def test_the_nearest_project_counts(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(nowhere)
    lay_out(nowhere / "inner")
    monkeypatch.chdir(nowhere / "inner")
    assert places.find().home == nowhere / "inner"


def test_the_checkout_is_a_project(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "tests" / "docs")
    assert places.find().home == ROOT


def test_a_folder_where_an_embedded_server_was_begun_is_a_place(nowhere: Path) -> None:
    (nowhere / ".postgres").mkdir()
    assert places.find().home != nowhere
    (nowhere / ".postgres" / "users.lock").touch()
    assert places.find().home == nowhere


def test_the_dagster_project_of_somebody_else_is_none(nowhere: Path) -> None:
    (nowhere / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    assert places.find().home != nowhere


def test_nobody_can_plant_a_project_where_everybody_may_write(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, umask: None
) -> None:
    shared = nowhere / "shared"
    shared.mkdir(mode=0o1777)
    lay_out(shared)
    mine = shared / "mine"
    mine.mkdir(mode=0o755)
    monkeypatch.chdir(mine)
    assert places.find().home != shared


def test_skype_home_goes_before_a_project(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(nowhere)
    monkeypatch.setenv("SKYPE_HOME", str(nowhere / "other"))
    assert places.find().home == nowhere / "other"


def test_every_folder_derives_from_the_place_and_its_variable_goes_before(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_HOME", str(nowhere))
    found = places.find()
    assert (found.output_dir, Checkpoints().folder()) == (nowhere / "output",) * 2
    assert (found.exports_dir, Exports().folder()) == (nowhere / "exports",) * 2
    assert found.handed_dir == nowhere / "handed"
    assert (found.postgres_dir, EmbeddedServer().directory) == (nowhere / ".postgres",) * 2
    assert found.dagster_home == nowhere
    for name in places.VARIABLES:
        monkeypatch.setenv(name, f"else/{name}")
    elsewhere = nowhere / "else"
    assert (found.output_dir, Checkpoints().folder()) == (elsewhere / "SKYPE_OUTPUT_DIR",) * 2
    assert (found.exports_dir, Exports().folder()) == (elsewhere / "SKYPE_EXPORTS_DIR",) * 2
    assert found.handed_dir == elsewhere / "SKYPE_HANDOVER_DIR"
    assert (found.postgres_dir, EmbeddedServer().directory) == (elsewhere / "SKYPE_POSTGRES_DIR",) * 2
    assert found.dagster_home == elsewhere / "DAGSTER_HOME"
    # So that a process in another folder finds the same.
    assert {found.environment[name] for name in places.VARIABLES} == {
        str(elsewhere / name) for name in places.VARIABLES
    }


def test_a_project_is_laid_out_as_the_checkout_is(nowhere: Path) -> None:
    made = lay_out(nowhere / "mine")
    assert made == ["exports/", "output/", "dagster.yaml", "workspace.yaml", "dg.toml", ".gitignore"]
    for name in ("dagster.yaml", "workspace.yaml", "dg.toml"):
        assert (nowhere / "mine" / name).read_bytes() == (ROOT / name).read_bytes()
    rules = (nowhere / "mine" / ".gitignore").read_text().splitlines()
    assert set(rules) <= set((ROOT / ".gitignore").read_text().splitlines())
    assert lay_out(nowhere / "mine") == []


def test_laying_out_writes_over_nothing(nowhere: Path) -> None:
    (nowhere / ".gitignore").write_bytes(b"*.bak\n/output/")
    (nowhere / "workspace.yaml").write_text("load_from: []\n")
    assert ".gitignore" in lay_out(nowhere)
    assert (nowhere / "workspace.yaml").read_text() == "load_from: []\n"
    rules = (nowhere / ".gitignore").read_text().splitlines()
    assert rules[:2] == ["*.bak", "/output/"]
    assert rules.count("/output/") == 1
    assert "/.postgres/" in rules


def test_the_dagster_project_of_somebody_else_is_left_alone(nowhere: Path) -> None:
    (nowhere / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    with pytest.raises(UsageError, match=r"has a dagster\.yaml of another project"):
        lay_out(nowhere)
    assert [path.name for path in nowhere.iterdir()] == ["dagster.yaml"]


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_an_empty_path_is_not_the_current_folder(text: str) -> None:
    with pytest.raises(UsageError, match="no export is named"):
        places.named_path(text, "export")
    assert places.named_path(".", "export") == Path()


def test_an_address_is_no_path_and_is_not_repeated_as_secrets_may_be_in_it() -> None:
    with pytest.raises(UsageError, match="an export is given as an address") as refused:
        places.named_path("s3://key:secret@bucket/export.tar", "an export")
    assert "secret" not in str(refused.value)
    assert places.named_path("a:/b", "export") == Path("a:/b")


def test_it_is_said_whose_a_file_is_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "attempt.json").touch(mode=0o400)
    own = places.whose(tmp_path / "attempt.json")
    assert own == f"{tmp_path / 'attempt.json'} is yours, with mode 0400: chmod u+rwX {tmp_path / 'attempt.json'}"
    monkeypatch.setattr(os, "geteuid", lambda: 65533)
    me = pwd.getpwuid(os.getuid()).pw_name
    for path, named in ((tmp_path / "attempt.json", tmp_path / "attempt.json"), (tmp_path / "no" / "such", tmp_path)):
        assert places.whose(path) == (
            f"{named} belongs to {me}, this is user 65533: work as {me}, or have it given to you: "
            f"chown -R 'user 65533' {named}"
        ).replace("'user 65533'", "65533")


def test_permission_that_is_denied_says_so(nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from skype_assets.etl.command_line import skype_assets
    from skype_assets.etl.tasks import retention

    def denied(_: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path))

    monkeypatch.setattr(retention, "entries", denied)
    said = CliRunner().invoke(skype_assets, ["clean", "--keep", "1"])
    assert said.exit_code == 74
    assert f"error: Permission denied: {tmp_path}. {tmp_path} is yours, with mode 0700: chmod u+rwX" in said.stderr
    assert places.whose(tmp_path) in str(unreadable(tmp_path, PermissionError(errno.EACCES, "Permission denied")))


def test_what_root_lays_out_in_the_folder_of_another_user_is_that_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = tmp_path / "home"
    others.mkdir()
    if os.geteuid() == 0:
        os.chown(others, 65534, 65534)
    given: list[Path] = []
    chown = os.chown

    def watched(path: Path, uid: int, gid: int) -> None:
        given.append(path)
        chown(path, uid, gid)

    monkeypatch.setattr(os, "chown", watched)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    lay_out(others / "deep" / "mine")
    made = list(others.rglob("*"))
    assert set(given) == set(made)
    assert {path.stat().st_uid for path in made} == {others.stat().st_uid}
