"""Handing over what is in the tables: a selection of messages as files that need neither this program nor a server."""
