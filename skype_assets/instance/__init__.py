"""What a Dagster instance needs of us: storage, run launcher, run worker. The only place with Dagster's private API."""
