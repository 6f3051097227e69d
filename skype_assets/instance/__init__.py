"""What a Dagster instance needs of us, and all else that takes Dagster's private API: it is used nowhere but here.

Each use has its reason beside it, and the public way that was tried: what to read before ``pyproject.toml`` allows
another minor version of Dagster.
"""
