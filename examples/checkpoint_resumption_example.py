#!/usr/bin/env python
"""A run that fails in the middle of a phase, and goes on from there.

    python examples/checkpoint_resumption_example.py -f skype_export.tar --fail-phase transform

fails on purpose, after some parts of that phase are done, and prints the command that resumes. That one does only
what is missing. Without --fail-phase it is an ordinary run, which can be interrupted at any time and resumed, too.

The database is the one that -d, -U, -H and -p name, else that of SKYPE_DATABASE_URL or libpq's variables, else an
embedded PostgreSQL that is started for the purpose. A password is never an argument, where other users of the machine
could read it: it comes from PGPASSWORD or ~/.pgpass.
"""

import argparse
import glob
import shlex
import sys
from pathlib import Path

from skype_assets import (
    PHASES,
    ETLContext,
    EtlError,
    ETLPipeline,
    Observer,
    PhaseFailed,
    Progress,
    Settings,
    UsageError,
)


class SimulatedFailure(Exception):
    """Raised on purpose, where the network, the disk or the power might fail."""


def main() -> int:
    """Run or resume; 0 if everything is loaded, 1 after the simulated failure, else the exit code of the error."""
    options = parse_options()
    try:
        pipeline = resumed_pipeline(options) if options.resume else new_pipeline(options)
        results = pipeline.run_pipeline(options.file, None, options.user_name, resume_from_checkpoint=options.resume)
    except PhaseFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        print(f"\nThis goes on where it stopped:\n\n    {resume_command(options, failure.checkpoint_file)}\n")
        return 1 if isinstance(failure.__cause__, SimulatedFailure) else failure.exit_code
    except EtlError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    show(results)
    return 0


def new_pipeline(options: argparse.Namespace) -> ETLPipeline:
    """A pipeline for the export; one that is to fail works in small parts, so that there is something to resume."""
    return ETLPipeline(
        db_config=db_config(options),
        output_dir=options.output_dir,
        chunk_size=small_parts(options.file) if options.fail_phase else Settings.chunk_size,
        task_id=options.task_id,
        observer=progress_of(options.fail_phase),
    )


def resumed_pipeline(options: argparse.Namespace) -> ETLPipeline:
    """The pipeline that a checkpoint file describes. It has no password in it: that comes from the environment."""
    context = ETLContext.load_from_checkpoint_file(newest(options.checkpoint_file))
    print(f"complete so far: {', '.join(context.checkpoints) or 'no phase'}")
    return ETLPipeline(db_config(options), context=context, observer=progress_of(options.fail_phase))


def progress_of(fail_phase: str | None) -> Observer:
    """Shows how far each phase is, and fails in the middle of one. It is called after every part that is done."""

    def observe(progress: Progress) -> None:
        share = progress.done / progress.total if progress.total else 1.0
        print(f"{progress.phase:>9}: {share:4.0%} after {progress.parts} parts")
        if progress.phase == fail_phase and progress.parts and share >= 0.5:
            raise SimulatedFailure

    return observe


def small_parts(export: Path | None) -> int:
    """Messages in a part, so that an export has about ten parts; a message takes some 800 bytes."""
    size = export.stat().st_size if export is not None and export.is_file() else 0
    return min(Settings.chunk_size, max(20, size // 8_000))


def newest(patterns: list[str]) -> Path:
    """The checkpoint file that was written last, of those that are named or that a pattern finds."""
    found = [Path(name) for pattern in patterns for name in glob.glob(pattern) or [pattern]]  # noqa: PTH207 - an absolute pattern
    if missing := [path for path in found if not path.is_file()]:
        raise UsageError(f"there is no checkpoint file {missing[0]}")
    chosen = max(found, key=lambda path: path.stat().st_mtime_ns)
    if len(found) > 1:
        print(f"{len(found)} checkpoint files; taking the newest, {chosen}")
    return chosen


def db_config(options: argparse.Namespace) -> dict[str, str | int] | None:
    """What the options name of the database; None if they name nothing."""
    named = {"dbname": options.database, "user": options.user, "host": options.host, "port": options.port}
    return {keyword: value for keyword, value in named.items() if value is not None} or None


def resume_command(options: argparse.Namespace, checkpoint_file: str) -> str:
    """The command that goes on, ready to be copied into a shell."""
    words = [sys.executable if sys.executable else "python", sys.argv[0], "--resume"]
    words += ["--checkpoint-file", glob.escape(checkpoint_file)]
    named = {
        "-f": options.file,
        "-u": options.user_name,
        "-d": options.database,
        "-U": options.user,
        "-H": options.host,
        "-p": options.port,
    }
    words += [str(word) for option, value in named.items() if value is not None for word in (option, value)]
    return shlex.join(words)


def show(results: dict[str, object]) -> None:
    """The result, in a few lines."""
    if results.get("resumed_from_phase"):
        print(f"\nresumed in {results['resumed_from_phase']}")
    print(f"\n{results['message_count']} messages in {results['conversation_count']} conversations are loaded")
    print(f"task {results['task_id']}, export {results['export_id']}, checkpoint {results['checkpoint_file']}")


def parse_options() -> argparse.Namespace:
    """The options of the command line."""
    summary, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-f", "--file", type=Path, help="the export; not needed to resume once extract is complete")
    parser.add_argument("--fail-phase", choices=PHASES, help="fail in the middle of this phase")
    parser.add_argument("--resume", action="store_true", help="go on from a checkpoint file")
    parser.add_argument(
        "--checkpoint-file", nargs="+", metavar="FILE", help="what to resume from; of several files the newest"
    )
    parser.add_argument("-u", "--user-name", help="name of the export's owner, where the export does not tell")
    parser.add_argument("-d", "--database", help="name of the database")
    parser.add_argument("-U", "--user", help="user of the database")
    parser.add_argument("-H", "--host", help="host of the database")
    parser.add_argument("-p", "--port", type=int, help="port of the database")
    parser.add_argument("-o", "--output-dir", type=Path, default=Path("output"), help="folder of all checkpoints")
    parser.add_argument("--task-id", help="name of the task; made from the export's name and content if not given")
    options = parser.parse_args()
    if options.resume and not options.checkpoint_file:
        parser.error("--resume needs --checkpoint-file, e.g. --checkpoint-file 'output/etl_checkpoint_*.json'")
    if not options.resume and options.file is None:
        parser.error("which export? name it with -f")
    return options


if __name__ == "__main__":
    sys.exit(main())
