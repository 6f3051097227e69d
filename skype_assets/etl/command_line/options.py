"""Options that several commands have; ``--debug``, which all of them have, is in ``exit_codes``."""

from pathlib import Path

import click


class Export(click.ParamType[Path]):
    """The path of an export; an empty one is refused."""

    name = "file"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Take it as ``export_path`` does."""
        from skype_assets.etl.export.source import export_path

        return export_path(value)


output_dir = click.option(
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default="output",
    show_default=True,
    help="Folder of all checkpoints.",
)

as_json = click.option("--json", "as_json", is_flag=True, help="Write the result as one JSON object to stdout.")

no_report = click.option("--no-report", is_flag=True, help="Do not tell Dagster what was done.")
