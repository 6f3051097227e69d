"""What Dagster shows of a task: metadata, a picture, statistics, progress."""
