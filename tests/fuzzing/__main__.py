"""``python -m tests.fuzzing``: the compiled reader under AddressSanitizer and UBSan reads what nobody would write.

Objects are made from others; those that reach code which was not reached before are mutated further. What is read is
compared with what the general reader makes of it. At the first crash, wrong row or endless loop the object stands in
a file, with what was said of it in another one beside it, and the exit code is 1; it is 2 where nothing can be built.
"""

import argparse
import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.fuzzing import inputs
from tests.fuzzing.building import ROOT, Instrumented, NotBuiltError, build
from tests.fuzzing.reading import CURRENT

_FOLDER: Final = Path("build") / "fuzzing"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of everything that is drawn (default: another one every time)")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="what it builds and finds (default: %(default)s)")
    parser.add_argument("--source", type=Path, default=ROOT, help="the project whose compiled reader is meant")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="read what was found again, and nothing else")
    parser.add_argument("--distil", action="store_true", help="put what was learned in this folder into the corpus")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    try:
        instrumented = build(folder, options.source)
    except NotBuiltError as error:
        print(f"fuzzing is not possible here: {error}", file=sys.stderr)
        return 2
    if options.repeat:
        return 1 if _read(instrumented, folder, "--repeat", options.repeat).returncode else 0
    if options.distil:
        return _read(instrumented, folder, "--distil", inputs.CORPUS).returncode
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}, {options.minutes:g} minutes", flush=True)
    done = _read(instrumented, folder, "--seed", seed, "--seconds", 60 * options.minutes)
    if not done.returncode:
        return 0
    found = _kept(folder, done)
    print(f"found: {found}\nrepeat it with: python -m tests.fuzzing --folder {options.folder} --repeat {found}")
    return 1


def _read(instrumented: Instrumented, folder: Path, *options: object) -> "subprocess.CompletedProcess[str]":
    """Run the process that reads, and show what it says."""
    command = [sys.executable, "-m", "tests.fuzzing.reading", instrumented.module, instrumented.coverage, folder]
    done = subprocess.run(
        [*command, *map(str, options)],
        env={**os.environ, **instrumented.environment},
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    print(done.stderr, end="", file=sys.stderr)
    return done


def _kept(folder: Path, ended: "subprocess.CompletedProcess[str]") -> Path:
    """What the process was about when it ended, and what it said, as files that stay."""
    current = folder / CURRENT
    name = hashlib.sha256(current.read_bytes()).hexdigest()[:12]
    found = folder / f"found-{name}.txt"
    found.write_bytes(current.read_bytes())
    said = f"exit code {ended.returncode}\n{ended.stderr}"
    found.with_suffix(".log").write_text(said, encoding="utf-8")
    return found


if __name__ == "__main__":
    sys.exit(main())
