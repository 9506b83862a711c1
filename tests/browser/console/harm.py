"""What the page must not take for HTML; apart from the methods, which register themselves."""

HARM = "<img src=x onerror=harmed=1><script>harmed=1</script>"
"""Text that sets a variable of the page, if somebody takes it for HTML."""
