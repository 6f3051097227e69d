"""Dagster resources: what the assets need from outside."""
