"""Parts, their state, and who may write them: the protocol that makes every phase resumable."""
