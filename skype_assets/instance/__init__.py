"""What a Dagster instance needs of us: storage, run launcher, run worker. The only place with Dagster's private API.

Each use has its reason beside it, and the public way that was tried: what to read before ``pyproject.toml`` allows
another minor version of Dagster.
"""
