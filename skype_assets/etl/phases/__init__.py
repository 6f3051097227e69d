"""The three phases: extract, transform, load. Each says what its parts are; the engine runs them."""
