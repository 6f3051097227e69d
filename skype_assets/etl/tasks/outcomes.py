"""What comes of checks, of whatever: ok, failed, or not checked, and why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from skype_assets.etl.database.matching import Difference
from skype_assets.etl.errors import EtlError
from skype_assets.etl.tasks.findings import Found

Status = Literal["ok", "FAILED", "not checked"]


@dataclass(frozen=True)
class Check:
    """One thing that was checked, or was not: ``detail`` says what was found, or why not; ``named`` what differs."""

    name: str
    status: Literal["ok", "FAILED", "not checked"]
    detail: str
    named: Sequence[Difference] = ()


@dataclass
class Findings:
    """What a verification found, while it goes on and when it is done.

    Attributes:
        checks: in the order in which they were made.
        server: version of PostgreSQL and the database's URL without password; empty if it was not reached.
        rows: of each table, of the export's conversations, whichever export brought them; empty if nobody asked.
    """

    checks: list[Check] = field(default_factory=list)
    server: dict[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def failed(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if check.status == "FAILED"]

    @property
    def missing(self) -> list[Check]:
        """What could not be checked."""
        return [check for check in self.checks if check.status == "not checked"]


class NotPossible(Exception):
    """Why something cannot be checked."""


def outcome(name: str, check: Callable[[], Found | str]) -> Check:
    """What came of a check; any error of ours that ends it is a failure."""
    try:
        found = check()
    except NotPossible as reason:
        return Check(name, "not checked", str(reason))
    except EtlError as error:
        return Check(name, "FAILED", " ".join(str(error).split()))
    if isinstance(found, str):
        return Check(name, "ok", found)
    return Check(name, _STATUSES[found.passed], found.detail, found.named)


_STATUSES: Final[Mapping[bool | None, Status]] = {
    True: "ok",
    False: "FAILED",
    None: "not checked",
}
