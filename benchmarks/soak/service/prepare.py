"""Create the tables of the service: `python -m benchmarks.soak.service.prepare`. There are no credentials."""

import django

django.setup()

from django.core.management import call_command  # noqa: E402

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    print("{}")
