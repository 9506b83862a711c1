"""A number that every visitor has for herself: state in anonymous sessions."""
