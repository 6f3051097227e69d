"""What is measured, one thing per module: ``prepare`` gets ready, and returns the function whose cost counts."""
