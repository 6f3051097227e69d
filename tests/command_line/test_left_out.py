"""What no command uses is not imported for it, wherever it is installed."""

import subprocess
import sys

USES_ARROW_AND_ITS_DRIVER = """
import sys
from skype_assets.etl.command_line import main
sys.argv = ["skype-assets", "--version"]
try:
    main()
except SystemExit as end:
    assert not end.code
import pyarrow as pa
from adbc_driver_postgresql import dbapi
assert pa.record_batch([[1], [["a"]]], names=["0", "1"]).num_rows == 1
print(sorted({"pandas", "polars", "dagster"} & sys.modules.keys()))
"""


def test_arrow_and_its_driver_bring_no_pandas_along() -> None:
    command = [sys.executable, "-c", USES_ARROW_AND_ITS_DRIVER]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.splitlines()[-1] == "[]"
