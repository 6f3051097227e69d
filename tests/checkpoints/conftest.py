"""Fixtures of checkpoints: machines that share a store."""

from tests.checkpoints.machines import machine

__all__ = ["machine"]
