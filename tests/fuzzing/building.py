"""The compiled reader with AddressSanitizer, UBSan and coverage built in, and what a process needs to load it."""

import fcntl
import shutil
import subprocess
import sysconfig
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

_INSTRUMENTED: Final = (
    *("-O1", "-g1", "-fno-omit-frame-pointer", "-fPIC", "-D_GLIBCXX_ASSERTIONS", "-fsanitize-coverage=trace-pc"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)
# Whoever loads the module was not built with them. Without the C++ library, AddressSanitizer cannot handle exceptions.
_PRELOADED: Final = ("libasan.so", "libubsan.so", "libstdc++.so")


class NotBuiltError(Exception):
    """There is no compiler, or it lacks what is needed; says what to install."""


@dataclass(frozen=True)
class Instrumented:
    """What was built."""

    module: Path
    coverage: Path
    preloaded: Sequence[Path]

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that loads the module. Every object has memory of its own, so that no overrun stays unseen."""
        return {
            "LD_PRELOAD": ":".join(map(str, (*self.preloaded, self.coverage))),
            "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "PYTHONMALLOC": "malloc",
        }


def build(folder: Path, root: Path = ROOT) -> Instrumented:
    """Build what is not there yet, or is older than its sources.

    Args:
        folder: where to.
        root: the project whose compiled reader is meant.

    Raises:
        NotBuiltError: it cannot be done here.
    """
    if shutil.which("g++") is None:
        raise NotBuiltError("g++ is needed, with its sanitizers (on Debian, the package g++ has both)")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    (extension,) = project["tool"]["setuptools"]["ext-modules"]
    sources = [root / name for name in extension["sources"]]
    headers = [root / name for name in extension["depends"]]
    standard = [flag for flag in extension["extra-compile-args"] if flag.startswith("-std=")]
    folder.mkdir(parents=True, exist_ok=True)
    built = Instrumented(folder / "_compiled.so", folder / "coverage.so", [_library(name) for name in _PRELOADED])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build(built, folder, sources, headers, standard)
    return built


def _build(
    built: Instrumented, folder: Path, sources: Sequence[Path], headers: Sequence[Path], standard: Sequence[str]
) -> None:
    objects = {source: folder / f"{source.stem}.o" for source in sources}
    stale = {source: object_ for source, object_ in objects.items() if _is_stale(object_, [source, *headers])}
    flags = [*standard, *_INSTRUMENTED, f"-I{sysconfig.get_path('include')}"]
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda made: _run("g++", *flags, "-c", "-o", made[1], made[0]), stale.items()))
    if _is_stale(built.module, [*objects.values()]):
        _run("g++", *_INSTRUMENTED, "-shared", "-o", built.module, *objects.values())
    coverage = Path(__file__).with_name("coverage.c")
    if _is_stale(built.coverage, [coverage]):
        _run("gcc", "-O2", "-shared", "-fPIC", "-o", built.coverage, coverage)


def _library(name: str) -> Path:
    asked = subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    if (path := Path(asked.stdout.strip())).is_absolute():
        return path.resolve()
    raise NotBuiltError(f"{name} of g++ is needed, its part of the sanitizers (on Debian, the package g++ has it)")


def _is_stale(made: Path, sources: Sequence[Path]) -> bool:
    return not made.exists() or made.stat().st_mtime < max(source.stat().st_mtime for source in sources)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotBuiltError(f"{command[0]} failed:\n{done.stderr}")
