#!/usr/bin/env python
"""A run that fails in the middle of a phase, and goes on from there.

    python examples/checkpoint_resumption_example.py -f skype_export.tar --fail-phase transform

fails on purpose, after some parts of that phase are done, and prints the command that resumes. That one does only
what is missing. Without --fail-phase it is an ordinary run, which can be interrupted at any time and resumed, too.
What is complete cannot be made to fail: with --fail-phase for such a phase nothing is done, and the exit code is 2.

The database is the one that -d, -U, -H and -p name, else that of SKYPE_DATABASE_URL or libpq's variables, else an
embedded PostgreSQL that is started for the purpose. A password is never an argument, where other users of the machine
could read it: it comes from PGPASSWORD or ~/.pgpass.
"""

import argparse
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
    choose_manifest,
    find_manifests,
    fingerprint,
    task_id_for,
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
    if options.fail_phase and options.file.exists():
        task_id = options.task_id or task_id_for(fingerprint(options.file))
        refuse_to_fail(options.fail_phase, ETLContext(output_dir=options.output_dir, task_id=task_id))
    return ETLPipeline(
        db_config=db_config(options),
        output_dir=options.output_dir,
        chunk_size=small_parts(options.file) if options.fail_phase else Settings.chunk_size,
        task_id=options.task_id,
        observer=progress_of(options.fail_phase),
        media_only=options.media_only,
        salvage=options.salvage,
    )


def resumed_pipeline(options: argparse.Namespace) -> ETLPipeline:
    """The pipeline that a checkpoint file describes. It has no password in it: that comes from the environment."""
    found = find_manifests(options.checkpoint_file)
    checkpoint_file, _ = choose_manifest(found, options.file)
    if len(found) > 1:
        print(f"{len(found)} checkpoint files; {checkpoint_file} is of {options.file}")
    context = ETLContext.load_from_checkpoint_file(checkpoint_file)
    refuse_to_fail(options.fail_phase, context)
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


def refuse_to_fail(phase: str | None, context: ETLContext) -> None:
    """Refuse to fail in a phase that is complete: nothing of it is done again."""
    if phase in context.checkpoints:
        raise UsageError(
            f"{phase} of task {context.task_id} is complete, so that there is nothing left in it to fail; "
            "name a phase that is not, or begin a new task: -f FILE --task-id NAME"
        )


def db_config(options: argparse.Namespace) -> dict[str, str | int] | None:
    """What the options name of the database; None if they name nothing."""
    named = {"dbname": options.database, "user": options.user, "host": options.host, "port": options.port}
    return {keyword: value for keyword, value in named.items() if value is not None} or None


def resume_command(options: argparse.Namespace, checkpoint_file: str) -> str:
    """The command that goes on, ready to be copied into a shell."""
    words = [sys.executable if sys.executable else "python", sys.argv[0], "--resume"]
    words += ["--checkpoint-file", checkpoint_file]
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


def named(path: str) -> Path:
    """A path of the command line; an empty one, as an unset variable gives, would be the current folder."""
    if not path.strip():
        raise argparse.ArgumentTypeError("the path is empty; for the current folder, write .")
    return Path(path)


def parse_options() -> argparse.Namespace:
    """The options of the command line."""
    summary, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-f", "--file", type=named, help="the export; of several checkpoint files, that of this export is resumed"
    )
    parser.add_argument("--fail-phase", choices=PHASES, help="fail in the middle of this phase")
    parser.add_argument("--resume", action="store_true", help="go on from a checkpoint file")
    parser.add_argument(
        "--checkpoint-file", nargs="+", metavar="FILE", help="what to resume from; of several files, that of the export"
    )
    parser.add_argument("-u", "--user-name", help="name of the export's owner, where the export does not tell")
    parser.add_argument("-d", "--database", help="name of the database")
    parser.add_argument("-U", "--user", help="user of the database")
    parser.add_argument("-H", "--host", help="host of the database")
    parser.add_argument("-p", "--port", type=int, help="port of the database")
    parser.add_argument("-o", "--output-dir", type=named, default=Path("output"), help="folder of all checkpoints")
    parser.add_argument("--media-only", action="store_true", help="take an export that holds no message, too")
    parser.add_argument("--salvage", action="store_true", help="read a damaged export as far as it is whole")
    parser.add_argument("--task-id", help="name of the task; made from the export's name and content if not given")
    options = parser.parse_args()
    if options.resume and not options.checkpoint_file:
        parser.error("--resume needs --checkpoint-file, e.g. --checkpoint-file 'output/etl_checkpoint_*.json'")
    if options.resume and options.task_id:
        parser.error("--task-id names a new task; the one to resume is named in its checkpoint file")
    if options.checkpoint_file and not options.resume:
        parser.error("--checkpoint-file says what to resume; add --resume")
    if not options.resume and options.file is None:
        parser.error("which export? name it with -f")
    return options


if __name__ == "__main__":
    sys.exit(main())
