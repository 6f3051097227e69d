"""Dagster IO managers: how assets hand their values on."""
