"""Methods that register themselves with `method`, several to a module."""
