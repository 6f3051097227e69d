"""The reader in the browser: pages made on the server from what ``reading`` finds, for this machine alone."""
