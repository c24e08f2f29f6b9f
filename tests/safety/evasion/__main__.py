"""`python -m tests.safety.evasion` prints the recall of the shipped lists in every disguise."""

import sys

from tests.safety.evasion.recall import printed, table

sys.stdout.write(f"{printed(table())}\n")
