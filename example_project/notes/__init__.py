"""Notes of accounts: models, the admin and methods that only their owner can call."""
