"""The functions' roles, proven: each permission taken away in turn, and what then no longer works."""
