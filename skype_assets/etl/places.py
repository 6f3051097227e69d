"""Where things are: the one rule by which every door finds its folders.

The *place* is a folder that holds everything of one collection of exports::

    output/         checkpoints                             SKYPE_OUTPUT_DIR
    working/        working copies of stores                SKYPE_OUTPUT_DIR, with SKYPE_OUTPUT_URL
    exports/        exports for the web UI                  SKYPE_EXPORTS_DIR (SKYPE_EXPORTS_URL: in a bucket)
    spool/          exports of buckets, while needed        SKYPE_SPOOL_DIR
    handed/         what the web UI hands over              SKYPE_HANDOVER_DIR
    .postgres/      the embedded server                     SKYPE_POSTGRES_DIR
    dagster.yaml    Dagster's instance, with its .dagster/  DAGSTER_HOME

It is ``SKYPE_HOME``; else the project that the current directory is in: the nearest folder, upwards, with a
``dagster.yaml`` that names this package or with an embedded server; else the data folder that the platform has for its
user's programs. Each of the six is elsewhere if its own variable says so. Finding them creates nothing.
"""

import contextlib
import hashlib
import os
import pwd
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from skype_assets.etl.errors import UsageError

NAME: Final = "skype-assets"
DAGSTER_YAML: Final = "dagster.yaml"
OURS: Final = "skype_assets"
"""What a ``dagster.yaml`` has in it that is meant for this package: the module of its storage, or of its launcher."""

VARIABLES: Final = (
    "SKYPE_OUTPUT_DIR",
    "SKYPE_EXPORTS_DIR",
    "SKYPE_SPOOL_DIR",
    "SKYPE_HANDOVER_DIR",
    "SKYPE_POSTGRES_DIR",
    "DAGSTER_HOME",
)
"""Each says of one of the six that it is elsewhere."""

_SERVER: Final = ".postgres"
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Places:
    """Where things are, absolute; none of it need exist.

    Attributes:
        home: the place.
        because: why it is this one, for people.
    """

    home: Path
    because: str

    @property
    def output_dir(self) -> Path:
        """The folder of all checkpoints; if these are in a store, the working copy of it."""
        if url := self.output_url:
            return self.working_copy(url)
        return self._named("SKYPE_OUTPUT_DIR") or self.home / "output"

    @property
    def output_url(self) -> str | None:
        """The address of the store that checkpoints are kept in; None if they are in a folder."""
        return os.environ.get("SKYPE_OUTPUT_URL") or None

    def working_copy(self, url: str) -> Path:
        """The folder in which checkpoints are worked on that are kept in a store."""
        if url == self.output_url and (named := self._named("SKYPE_OUTPUT_DIR")):
            return named
        plain = url.rstrip("/")
        words = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[-60:]
        return self.home / "working" / f"{words}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"

    @property
    def spool_dir(self) -> Path:
        """The folder of exports that lie in a bucket, while they are worked on."""
        return self._named("SKYPE_SPOOL_DIR") or self.home / "spool"

    @property
    def exports_dir(self) -> Path:
        """The folder of exports for the web UI."""
        return self._named("SKYPE_EXPORTS_DIR") or self.home / "exports"

    @property
    def exports_url(self) -> str | None:
        """The address of the bucket that exports for the web UI lie in; None if they are in the folder."""
        return os.environ.get("SKYPE_EXPORTS_URL") or None

    @property
    def handed_dir(self) -> Path:
        """The folder of what is handed over without a command."""
        return self._named("SKYPE_HANDOVER_DIR") or self.home / "handed"

    @property
    def postgres_dir(self) -> Path:
        """The folder of the embedded server."""
        return self._named("SKYPE_POSTGRES_DIR") or self.home / _SERVER

    @property
    def dagster_home(self) -> Path:
        """The folder of Dagster's instance; without a ``dagster.yaml`` in it there is none yet."""
        return self._named("DAGSTER_HOME") or self.home

    @property
    def has_dagster(self) -> bool:
        """Whether there is an instance that remembers what it is told."""
        return bool(os.environ.get("DAGSTER_HOME")) or (self.home / DAGSTER_YAML).is_file()

    def require_dagster_home(self) -> None:
        """Raise UsageError if DAGSTER_HOME names what is no folder, which Dagster tells in a traceback."""
        if (named := self._named("DAGSTER_HOME")) is not None and not named.is_dir():
            raise UsageError(
                f"DAGSTER_HOME names {named}, which is no folder; make it, name another one, or unset it to use the "
                "place's own"
            )

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, in which another one finds the same places from any folder."""
        named = {name: str(path) for name in VARIABLES if (path := self._named(name)) is not None}
        return {**os.environ, **named, "SKYPE_HOME": str(self.home)}

    def _named(self, variable: str) -> Path | None:
        value = os.environ.get(variable)
        return Path(value).expanduser().absolute() if value else None


def named_path(text: str | os.PathLike[str], what: str) -> Path:
    """The path of something as somebody gave it; ``what`` it is, for people.

    Raises:
        UsageError: it is empty, as an unset variable is; the path of that would be the current folder. Or it is an
            address, which is not repeated: credentials may be in it.
    """
    if not str(text).strip():
        raise UsageError(f"no {what} is named: its path is empty. For the current folder, write .")
    if _ADDRESS.match(str(text)) and not os.path.lexists(text):
        scheme = str(text).partition(":")[0]
        raise UsageError(
            f"{what} is given as an address ({scheme}://...); here only a path on this machine is known. "
            "Checkpoints and exports alone may be in a store"
        )
    return Path(text)


def give_to_owner(made: int | Path, folder: Path) -> None:
    """Give what root makes in another user's folder to that user, whom it would lock out else."""
    if os.geteuid() == 0 and (owner := folder.stat()).st_uid != 0:
        with contextlib.suppress(PermissionError):  # of a file system that takes no orders from this root
            os.chown(made, owner.st_uid, owner.st_gid)


def whose(path: Path) -> str:
    """Whose a file is that this user may not use, or the folder that it is in, and what to do about it."""
    for there in (path.absolute(), *path.absolute().parents):
        try:
            status = there.stat()
        except OSError:  # not there, or in a closed folder
            continue
        break
    else:
        return ""
    if status.st_uid == os.geteuid():
        return f"{there} is yours, with mode {stat.S_IMODE(status.st_mode):04o}: chmod u+rwX {there}"
    owner, user = _user(status.st_uid), _user(os.geteuid())
    give = f"chown -R {os.geteuid() if ' ' in user else user} {there}"
    return f"{there} belongs to {owner}, this is {user}: work as {owner}, or have it given to you: {give}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def find() -> Places:
    """Where things are for a process with this environment and this current directory."""
    if named := os.environ.get("SKYPE_HOME"):
        return Places(Path(named).expanduser().absolute(), "SKYPE_HOME")
    for folder in _upwards():
        if is_project(folder):
            return Places(folder, "this project")
    return Places(user_folder(), "your data folder; another by SKYPE_HOME, or a project by: skype-assets init")


def is_project(folder: Path) -> bool:
    """Whether a folder is a place: of this package's ``dagster.yaml``, or where an embedded server was begun."""
    try:
        if OURS in (folder / DAGSTER_YAML).read_text(encoding="utf-8", errors="replace"):
            return True
    except OSError:  # there is none, or it is not for this user
        pass
    try:
        (folder / _SERVER / "users.lock").lstat()
    except PermissionError:  # of another account, as root's server is
        return os.path.lexists(folder / _SERVER)
    except OSError:
        return False
    return True


def user_folder() -> Path:
    """The data folder of this user, by the platform's convention; for root, what the system keeps for its services.

    Root's own home is closed to the account that the embedded server runs as (``postgres.account``).
    """
    from platformdirs import site_state_path, user_data_path  # whoever works in a project need not wait for it

    if os.geteuid() == 0 and "XDG_DATA_HOME" not in os.environ:
        return site_state_path(NAME, appauthor=False)
    return user_data_path(NAME, appauthor=False)


def _upwards() -> Iterator[Path]:
    """The current directory and those that it is in, as far as nobody else can have put a project there."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was removed
        return
    yield here
    for folder in here.parents:
        # What a dagster.yaml names is run: /tmp, where everybody may put one, is nobody's project.
        if folder.stat().st_mode & stat.S_IWOTH:
            return
        yield folder
