"""A phase whose result changes gets another version: else checkpoints of before would stay complete.

What is pinned is what each phase makes of the sample export that comes with the project.
"""

import hashlib
import json
from pathlib import Path

from skype_assets.etl import engine
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.schema.tables import TABLES
from tests.engine.runs import task

SAMPLE = Path(__file__).parents[2] / "examples" / "sample_export.tar"
PINNED = {
    "extract": {
        "1": "4a9c4b22673bec66c8b19d633976ec17971962a57ae9750a35fa00e91d0417be",
        "2": "66ab827017b69b5441cecef23e9cd5c17aad282691a6576fca776ae791f1c5b3",
    },
    "transform": {
        "3": "e8889e7a8e8e35d5eb71d660765b92e984eecf637d4a04a57ab5c0ef7de38007",
        "4": "c51d4e1bd88782a5cc3957a878048b1ea41c0558b3c47ef7f15fe75b5fa20a07",
        "5": "25570b566fcdc357edd29a59368687ceb6f4d16cf8c311372977daa655aad9ca",
        "6": "9bf8f3e9b3f33c44ca208acc15b77044af542fa964772fb6a534ccd2f22569a0",
        "7": "9bf8f3e9b3f33c44ca208acc15b77044af542fa964772fb6a534ccd2f22569a0",
    },
    "load": {
        "1": "323c096a14d9e06e796cac4fe71e1e3620423f8a8c428b899b80d7058000e4f2",
        "2": "cc629e0d2ebc1da205b352ce3ef17489fb6c071ec02adc7c1f2c4213406a6444",
        "3": "53d45b37161d07da64a0712edcb8e586ad9cb88c70a5719585679a945daecd34",
        "4": "c891adc5406afe18c6c073ab56a9ac758d2a9b161461ac3f285d10e8fdd58d07",
    },
}
"""By phase, what each of its versions made, the newest last. What is here stays: somebody has checkpoints of it."""


def test_what_the_phases_make_of_the_sample_has_the_version_that_is_pinned(tmp_path: Path, postgres_url: str) -> None:
    sample = task("t", tmp_path, SAMPLE, postgres_url, chunk_size=100_000)
    engine.run(sample)
    found: dict[str, tuple[str, str]] = {}
    for name, phase in PHASE_CLASSES.items():
        made = engine.open_phase(sample, name)
        assert made
        found[name] = phase.version, _digest(made)
    wrong = [f"{name}: {advice}" for name, (*now,) in found.items() if (advice := _advice(PINNED[name], *now))]
    assert not wrong, "\n".join(wrong)


def test_a_version_is_never_used_for_two_results() -> None:
    history = {"1": "a", "2": "b"}
    assert _advice(history, "2", "b") == ""
    assert "raise the version" in _advice(history, "2", "c")
    assert "raise the version" in _advice(history, "1", "c")
    assert "raise the version" in _advice(history, "1", "a")
    assert "add it" in _advice(history, "3", "c")


def _advice(history: dict[str, str], version: str, digest: str) -> str:
    """What to do about a version that makes this, given what each version made; empty if it is the newest one's."""
    if version not in history:
        return f"version {version} is new; if the change is meant, add it to PINNED: {digest}"
    if version == list(history)[-1] and digest == history[version]:
        return ""
    return f"version {version} has been used for {history[version]}; raise the version, above {list(history)[-1]}"


def _digest(made: PhaseTables) -> str:
    """SHA-256 of the rows of all tables, without what depends on the run."""
    digest = hashlib.sha256()
    for name in sorted(made):
        columns = [column for column in made.schemas[name].names if column not in _of_the_run(name)]
        rows = made[name].to_table(columns).to_pylist()
        digest.update("\n".join([name, *columns, *sorted(json.dumps(row, default=str) for row in rows), ""]).encode())
    return digest.hexdigest()


def _of_the_run(table: str) -> set[str]:
    """Columns that differ from run to run, or from one version of Arrow to the next."""
    if table == "loaded_parts":
        return {"checksum"}  # of Parquet files
    return {column.name for column in TABLES[table].columns if column.run} if table in TABLES else set()
