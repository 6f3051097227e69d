"""The operating-system account that runs the embedded server.

For an ordinary user it is that user. PostgreSQL refuses to run as root, so root (a container, a CI job) hands the
server to the owner of an existing server folder, else to the system user ``postgres``, else to ``nobody``. No account
is ever created.

That account must be able to walk to the server's folder and to the programs. Where a parent folder is closed to it,
root adds the one permission that is missing, search (``o+x``: walk through, not list), and says so in the log - except
in root's home, which stays as it is: there the start is refused with a remedy.
"""

import errno
import logging
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from skype_assets.etl.errors import DatabaseError

logger = logging.getLogger(__name__)

STAND_INS = ("postgres", "nobody")


class Identity(TypedDict, total=False):
    """The arguments of `subprocess.run` that change who the child is."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """Who runs the server; `switch` says that it is not the user of this process."""

    uid: int
    gid: int
    switch: bool

    @property
    def identity(self) -> Identity:
        """How a child process becomes this account: without the groups of root, nor others of its own."""
        return Identity(user=self.uid, group=self.gid, extra_groups=[]) if self.switch else Identity()

    def own(self, descriptor: int) -> None:
        """Give an open file or folder, new and root's, to this account."""
        if self.switch:
            os.fchown(descriptor, self.uid, self.gid)


def server_account(directory: Path) -> Account:
    """Who runs, or will run, the server whose folder is `directory`."""
    uid = os.geteuid()
    if uid != 0:
        return Account(uid, os.getegid(), switch=False)
    if directory.exists() and (owner := directory.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, switch=True)
    for name in STAND_INS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, switch=True)
    raise DatabaseError(
        "PostgreSQL does not run as root, and this system has neither a user postgres nor nobody. "
        "Run as an ordinary user, or set SKYPE_DATABASE_URL to another server"
    )


def make_reachable(path: Path, account: Account, remedy: str) -> None:
    """Let `account` walk to `path`: as root, add search permission to closed parents outside root's home."""
    if not account.switch:
        return
    homes = _root_homes()
    for parent in reversed(path.resolve().parents):
        status = parent.stat()
        if _may_search(status, account):
            continue
        if any(parent.is_relative_to(home) for home in homes):
            raise DatabaseError(
                f"the embedded server cannot run as root, and its stand-in may not enter {parent}, which lies in "
                f"root's home and stays closed. {remedy}, or run as an ordinary user, or set SKYPE_DATABASE_URL"
            )
        parent.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
        logger.warning("%s: added permission o+x, so that the embedded PostgreSQL (not root) can walk through", parent)


def private_directory(path: Path, account: Account) -> None:
    """Make `path` a folder of mode 0700 that belongs to the account; refuse one that is somebody else's."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise DatabaseError(f"{path} cannot be the embedded server's folder: {error.strerror}") from error
    try:
        owner = os.fstat(descriptor).st_uid
        if owner not in {account.uid, os.geteuid()}:
            raise DatabaseError(f"{path} belongs to another user (uid {owner}), so the embedded server cannot use it")
        if owner != account.uid:
            account.own(descriptor)
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def open_private(path: Path, account: Account) -> int:
    """Open `path` for appending; a new file has mode 0600 and belongs to the account."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.EACCES:
            raise DatabaseError(f"{path} belongs to another user. Start the embedded server as that user") from error
        raise
    account.own(descriptor)
    return descriptor


def _may_search(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _root_homes() -> set[Path]:
    """Root's home by the password file and by HOME; "/" (a service without a home) protects nothing."""
    homes = {Path(pwd.getpwuid(0).pw_dir).resolve(), Path.home().resolve()}
    return homes - {Path("/")}
