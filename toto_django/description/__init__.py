"""What can be called, as an OpenRPC document, and what changes of it mean for clients."""
