"""Builds the compiled reader that pyproject.toml lists: where it cannot be built, an installation does without it.

A release must not. Its wheels are built with SKYPE_ASSETS_COMPILED=required, and then it is an error.
"""

import os

from setuptools import setup
from setuptools.command.build_ext import build_ext


class BuildReader(build_ext):
    """Whether the compiled reader may be missing is for the environment to say."""

    def finalize_options(self) -> None:
        """Take what pyproject.toml lists."""
        super().finalize_options()
        if os.environ.get("SKYPE_ASSETS_COMPILED") == "required":
            for extension in self.extensions or ():
                extension.optional = False


setup(cmdclass={"build_ext": BuildReader})
