"""What Dagster shows of a task: metadata, a picture, progress."""
