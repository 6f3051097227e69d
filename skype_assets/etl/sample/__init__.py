"""Sample exports: invented archives in the shape of real ones, with every message type and every known oddity.

The format is that of the export format reference, whose sections the modules name; the mix is that of its section 7.2.
Nobody and nothing in a sample is real.
"""

from skype_assets.etl.sample.make import SampleSummary, write_sample
from skype_assets.etl.sample.overlapping import write_overlapping
from skype_assets.etl.sample.script import Fact

__all__ = ["Fact", "SampleSummary", "write_overlapping", "write_sample"]
