"""Several hosts: each a network namespace with a process of its own."""
