"""A page that calls the methods and shows what goes over the wire: for developers and staff."""
