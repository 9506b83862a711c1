"""The built-in methods. A project's method of the same name replaces one."""
