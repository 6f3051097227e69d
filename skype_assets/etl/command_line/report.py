"""``skype-assets report``: what an export was, what became of it, and how anybody checks that."""

from pathlib import Path

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug
from skype_assets.etl.errors import UsageError, VerificationFailed


@click.command()
@click.argument("task_id", metavar="TASK")
@click.option("--html", type=options.Named("FILE", dir_okay=False), help="Write the report as a page for people, too.")
@click.option("--no-compare", is_flag=True, help="Do not compare export, checkpoints and database again.")
@options.output_dir
@options.as_json
@debug
@options.placed
def report(task_id: str, html: Path | None, no_compare: bool, output_dir: Path, as_json: bool) -> None:
    """Report on TASK: its export, what became of every object, digests, and how to check them without this program.

    Unless told not to, everything that can be is compared again: the export's bytes, the checkpoints, every row in the
    database. What differs is named by table and key; the exit code is then 11.
    """
    from skype_assets.etl.checkpoints.directory import Directory
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.command_line.verify import saved
    from skype_assets.etl.handing import report as reports
    from skype_assets.etl.reading.snapshots import Snapshots
    from skype_assets.etl.tasks.finding import loader_of
    from skype_assets.etl.tasks.proving import prove_all
    from skype_assets.etl.tasks.verification import verify

    task = saved(task_id, output_dir)
    url = open_database(task.database, create=False)
    findings = None
    if not no_compare:
        with terminal.err().status("") as status:

            def begun(check: str) -> None:
                status.update(f"comparing: {check}")

            findings = verify(task, begun=begun)
            # What is made of several exports: the task's own rows are compared by then.
            findings.checks += prove_all([output_dir], url, begun, with_exports=False).checks
    snapshots = Snapshots(lambda: url, is_patient=True)
    with snapshots.snapshot() as session:
        document = reports.report(session, output_dir, task_id=task_id, findings=findings)
        loader = None if document["exports"] else loader_of(session, task.folder)
    snapshots.close()
    if loader is not None:
        raise UsageError(
            f"task {task_id} is about export {loader.export_id}, which task {loader.task_id} has loaded: "
            f"{terminal.command('report', loader.task_id)}"
        )
    if not document["exports"]:
        raise UsageError(
            f"task {task_id} has loaded nothing that is in this database; see {terminal.command('status')}"
        )
    if html is not None:
        Directory(html.parent).make().put_unowned(html.name, reports.page(document).encode())
    if as_json:
        terminal.write_json(document)
    else:
        for line in reports.lines(document):
            print(terminal.printable(line))
    if findings is not None and findings.failed:
        names = ", ".join(check.name for check in findings.failed)
        raise VerificationFailed(f"task {task_id}: {len(findings.failed)} checks failed: {names}")
