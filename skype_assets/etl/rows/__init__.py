"""From raw objects to rows: pure functions over one part, and the few that need all parts."""
