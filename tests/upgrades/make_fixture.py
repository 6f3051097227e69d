"""Makes the fixture of a release: exports, and the output folder and database that its own code makes of them.

::

    python -m tests.upgrades.make_fixture 0.1.0 /path/to/the/environment/of/0.1.0/bin/python

The environment is one in which that release is installed. The exports are written by the code beside this file, so that
they hold what is known of exports today, and kept with the fixture: what a later release is compared with is a fresh
load of the same bytes.
"""

import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from skype_assets.etl.postgres.embedded import EmbeddedServer, binaries
from skype_assets.etl.sample import write_sample
from skype_assets.etl.sample.overlapping import write_overlapping

FIXTURES: Final = Path(__file__).parent / "fixtures"
TASKS: Final = ("first", "second", "alone")
"""Two exports of one account that overlap, and one of another account: the tasks' ids, in the order of their loads."""

EXPORTS, OUTPUT, DATABASE = "exports.tar.xz", "output.tar.xz", "database.sql.xz"


_CHUNKS: Final = {"first": 1_000, "second": 1_000, "alone": 200}


def main(release: str, python: str) -> None:
    """Make the fixture of a release with the interpreter of its environment."""
    made = FIXTURES / release
    made.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="skype-fixture-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        _write_exports(place / "exports")
        server = EmbeddedServer(place / "server" / ".postgres", idle_seconds=1)
        server.start()
        try:
            for task_id in TASKS:
                _run(python, place, task_id, server.url())
            dump = [binaries() / "pg_dump", "--no-owner", "--no-privileges", f"--dbname={server.url()}"]
            sql = subprocess.run(dump, check=True, stdout=subprocess.PIPE).stdout
        finally:
            server.stop()
        (made / DATABASE).write_bytes(lzma.compress(sql, preset=9))
        _pack(place / "exports", made / EXPORTS)
        _pack(place / "output", made / OUTPUT)
    for path in sorted(made.iterdir()):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


def _write_exports(folder: Path) -> None:
    overlapping = write_overlapping(folder, exports=2, messages=350)
    for path, task_id in zip(overlapping, TASKS, strict=False):
        path.rename(folder / f"{task_id}.tar")
    write_sample(folder / f"{TASKS[-1]}.tar", messages=400, seed=7, profile="teams", owner="8:live:theo.brannock")


def _run(python: str, place: Path, task_id: str, url: str) -> None:
    command = [python, "-m", "skype_assets.etl.command_line", "run", f"exports/{task_id}.tar", "--task-id", task_id]
    options = ["--output-dir", "output", "--chunk-size", str(_CHUNKS[task_id]), "--max-workers", "1", "--no-report"]
    environment = {**os.environ, "SKYPE_DATABASE_URL": url}
    subprocess.run([*command, *options], check=True, cwd=place, env=environment, stdout=subprocess.DEVNULL)


def _pack(folder: Path, into: Path) -> None:
    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(into, "w:xz", preset=9) as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, str(path.relative_to(folder)), recursive=False, filter=anonymous)


def unpack(release: str, name: str, into: Path) -> Path:
    """The exports or the output folder of a release, in a folder that is not there yet."""
    into.mkdir(parents=True)
    subprocess.run(["tar", "-xf", FIXTURES / release / name, "-C", into], check=True)
    return into


def restore(release: str, url: str) -> None:
    """Put the database of a release into an empty one."""
    psql = [binaries() / "psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--dbname={url}"]
    sql = lzma.decompress((FIXTURES / release / DATABASE).read_bytes())
    subprocess.run(psql, input=sql, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(*sys.argv[1:])
