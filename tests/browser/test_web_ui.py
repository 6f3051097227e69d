"""A person at the web UI: an export comes in, the database is away, it comes back. In a real browser."""

import os
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from skype_assets.etl.database.session import Session
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.sample import write_sample
from tests.dagster.live import Dev, dev


def test_an_export_is_loaded_again_after_the_database_was_away(
    project: Path, tables: EmbeddedServer, page: Page, tmp_path: Path
) -> None:
    expect.set_options(timeout=60_000)
    task_id = _add(project)
    with dev(project, {"SKYPE_INBOX": "off"}) as running:
        tables.stop()
        # Its folder, too: an embedded server that only does not run would be started.
        away = tables.directory.rename(tables.directory.with_name("away"))
        _materialize_all(page, running)
        failed = running.wait(running.runs)[0]
        run = running.ended(failed)
        assert run["status"] == "FAILURE"
        page.goto(f"{running.url}/runs/{failed}")
        expect(page.get_by_text(re.compile("database: .*(refused|No such file|not.* exist)")).first).to_be_visible()
        expect(page.get_by_text("re-execute the run from failure").first).to_be_visible()
        _photograph(page, "failure")

        away.rename(tables.directory)
        tables.start()
        # The arrow beside the button, which has no name.
        page.get_by_role("button", name="Re-execute all").locator("xpath=following::button[1]").click()
        _photograph(page, "re-execute")
        page.get_by_role("menuitem", name="From failure").click()
        again = running.wait(lambda: [run_id for run_id in running.runs() if run_id != failed])[0]
        assert running.ended(again)["status"] == "SUCCESS"
        assert [step["stepKey"] for step in running.run(again)["stepStats"]] == ["loaded_database"]
        page.goto(f"{running.url}/runs/{again}")
        expect(page.get_by_text("Success").first).to_be_visible()
        _photograph(page, "run")

        page.goto(f"{running.url}/assets/transformed_tables")
        expect(page.get_by_text("conservation").first).to_be_visible()
        expect(page.get_by_text(task_id).first).to_be_visible()
        _photograph(page, "asset")
        page.get_by_text("Show Markdown").first.click()
        picture = page.get_by_role("img", name="messages per month")
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.naturalWidth") > 300
        _photograph(page, "picture")

        page.goto(f"{running.url}/assets/loaded_database?view=checks")
        expect(page.get_by_text("Succeeded")).to_have_count(3)
        _photograph(page, "checks")
        page.goto(f"{running.url}/assets/transformed_tables?view=checks")
        expect(page.get_by_text("Succeeded")).to_have_count(6)
        expect(page.get_by_text("Failed")).to_have_count(0)

        page.goto(f"{running.url}/assets/loaded_database")
        page.get_by_placeholder("Filter columns").fill("reactions")
        expect(page.get_by_text("reactions.emotion")).to_be_visible()
        expect(page.get_by_text("messages.text", exact=True)).to_have_count(0)
        _photograph(page, "columns")
    with Session(tables.url("skype")) as session:
        assert session.rows("SELECT messages_loaded FROM skype.exports")[0][0] > 250


def test_what_the_command_line_loaded_looks_like_what_a_run_loaded_and_a_typing_error_leaves_no_red(
    project: Path, page: Page
) -> None:
    expect.set_options(timeout=60_000)
    write_sample(project / "ann.tar", messages=300, seed=7)
    command = [sys.executable, "-m", "skype_assets.etl.command_line", "run", "ann.tar", "--task-id", "ann"]
    subprocess.run(command, cwd=project, capture_output=True, check=True)
    with dev(project, {"SKYPE_INBOX": "off"}) as running:
        for asset, checks in (("raw_export", 1), ("transformed_tables", 6), ("loaded_database", 3)):
            page.goto(f"{running.url}/assets/{asset}?view=checks")
            expect(page.get_by_text("Succeeded")).to_have_count(checks)
        running.add_partition("amn")
        assert running.ended(running.launch("amn"))["status"] == "FAILURE"
        page.goto(f"{running.url}/assets/raw_export?view=partitions")
        expect(page.get_by_text("Materialized (1)")).to_be_visible()
        expect(page.get_by_text("Failed (0)")).to_be_visible()
        expect(page.get_by_text("amn")).to_have_count(0)
        _photograph(page, "partitions")


def _add(project: Path) -> str:
    write_sample(project / "ann.tar", messages=300, seed=7)
    command = [sys.executable, "-m", "skype_assets.etl.command_line", "add", "ann.tar"]
    added = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return added.stdout.splitlines()[0].removeprefix("registered: ")


def _materialize_all(page: Page, running: Dev) -> None:
    """What somebody does who has just been told that an export is there."""
    page.goto(f"{running.url}/locations/skype_assets/jobs/load_export")
    page.get_by_role("button", name="Materialize all").click()
    page.get_by_role("button", name="All", exact=True).click()
    _photograph(page, "materialize")
    page.get_by_role("button", name=re.compile("Launch")).click()


def _photograph(page: Page, name: str) -> None:
    """Keep what is to be seen, if somebody wants the pictures (SCREENSHOTS=folder)."""
    folder = os.environ.get("SCREENSHOTS")
    page.wait_for_load_state("networkidle")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")
