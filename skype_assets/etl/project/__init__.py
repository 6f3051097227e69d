"""Laying out a place: what Dagster needs there, and what keeps it out of version control.

The files beside this module are those of the project's own checkout; a test keeps them equal.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

from skype_assets.etl.errors import UsageError
from skype_assets.etl.places import DAGSTER_YAML, give_to_owner, is_project

WORKSPACE_YAML: Final = "workspace.yaml"
"""Which code locations the web UI shows; for it to have others beside this one, add them there."""

FILES: Final = (DAGSTER_YAML, WORKSPACE_YAML, "dg.toml")
DATA_FOLDERS: Final = ("exports", "output")

GITIGNORE: Final = """\
# What a run leaves: private data, never to be committed
/exports/
/output/
/handed/
/.postgres/
.env

# Dagster
.tmp_dagster_home_*/
/.dagster/
/.logs_queue/
/.nux/
/.telemetry/
/history/
/logs/
/schedules/
/storage/
"""


def lay_out(folder: Path) -> list[str]:
    """Make a folder a place; what is there already stays as it is.

    Returns:
        Names of what was made; empty if it was one already.

    Raises:
        UsageError: it is no folder, or another Dagster project's.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name another one")
    if (folder / DAGSTER_YAML).exists() and not is_project(folder):
        raise UsageError(
            f"{folder} has a {DAGSTER_YAML} of another project, which is left alone; name a folder of its own, "
            "or load skype_assets.definitions as a code location of that project (docs/deploy.md)"
        )
    made: list[str] = []
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        give_to_owner(path, path.parent)
    for name in DATA_FOLDERS:
        if not (folder / name).exists():
            (folder / name).mkdir(mode=0o700)
            give_to_owner(folder / name, folder)
            made.append(f"{name}/")
    for name in FILES:
        if not (folder / name).exists():
            (folder / name).write_bytes(files(__name__).joinpath(name).read_bytes())
            give_to_owner(folder / name, folder)
            made.append(name)
    if _ignore(folder / ".gitignore"):
        made.append(".gitignore")
    return made


def _ignore(file: Path) -> bool:
    """Complete the rules; False if they are."""
    there = file.read_bytes().splitlines() if file.exists() else []
    missing = [line for line in GITIGNORE.encode().splitlines() if line not in there]
    if all(not line or line.startswith(b"#") for line in missing):
        return False
    file.write_bytes(b"\n".join([*there, *missing, b""]))
    give_to_owner(file, file.parent)
    return True
