"""``skype-assets export``: one command for each format, the same selection for all, and nothing half."""

import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Invoke

FORMATS = ("html", "text", "markdown", "csv", "parquet", "rsmf")


@pytest.fixture
def loaded(invoke: Invoke, database: str, sample_tar: Path) -> str:
    assert invoke("run", sample_tar, "--task-id", "sample").exit_code == 0
    return database


def test_every_format_hands_over_the_same_selection_with_its_report(invoke: Invoke, loaded: str) -> None:
    asked = ("--query", "from:mara date:2024..2025", "--owner", "mara", "--time-zone", "UTC")
    documents = [json.loads(invoke("export", name, name, *asked, "--json").stdout) for name in FORMATS]
    assert len({document["selection"]["sha256"] for document in documents}) == 1
    assert documents[0]["selection"]["messages"] > 0
    for name in FORMATS:
        assert {"SHA256SUMS", "selection.json", "report.html"} <= {path.name for path in Path(name).iterdir()}


def test_it_says_what_and_where_and_replaces_only_its_own(invoke: Invoke, loaded: str) -> None:
    said = invoke("export", "text", "out", "--conversation", "8:tbrannock", "--no-media")
    assert said.exit_code == 0, said.stderr
    assert said.stdout.startswith("out: ")
    assert "selection: SHA-256 " in said.stdout
    assert invoke("export", "csv", "out", "--raw").exit_code == 0
    assert Path("out/messages.csv").exists()
    assert not Path("out/conversations").exists()
    Path("out/mine.txt").write_text("mine")
    refused = invoke("export", "text", "out")
    assert (refused.exit_code, Path("out/mine.txt").read_text()) == (2, "mine")
    assert "mine.txt" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--query", "form:x"), "form: is no operator"),
        (("--query", "zzzzzzz"), "nothing is selected"),
        (("--conversation", "zzzzzzz"), "no conversation"),
        (("--owner", "zzzzzzz"), "none of the accounts"),
        (("--time-zone", "Mars/Olympus"), "no time zone"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_left(
    invoke: Invoke, loaded: str, arguments: tuple[str, ...], said: str
) -> None:
    before = {path.name for path in Path().iterdir()}
    refused = invoke("export", "text", "out", *arguments)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert {path.name for path in Path().iterdir()} == before


def test_without_anything_loaded_it_says_how_to_load(invoke: Invoke, database: str) -> None:
    refused = invoke("export", "text", "out")
    assert refused.exit_code == 5
    assert "skype-assets run" in refused.stderr
    assert not Path("out").exists()
