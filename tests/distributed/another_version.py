"""What a worker of Dask loads first that is to have another version of the package."""

from skype_assets.etl.engine import elsewhere

elsewhere.PACKAGE = "0.0.1"
