"""OpenRPC documents: the meta-schema, and values made from what documents say."""
