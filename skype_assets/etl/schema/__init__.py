"""Every table, column and flag, once, as data."""
