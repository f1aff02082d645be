"""`python -m runtally.schemas`: write the schema files anew."""

import sys

from runtally.schemas import write_all

for path in write_all():
    sys.stdout.write(f"{path}\n")
