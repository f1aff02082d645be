"""Loads the fixtures that every folder may use. Fixtures of one component belong into its own folder."""

import sys
from pathlib import Path

# The tests are no packages (`--import-mode=importlib`), so what they share is put on the path here, last:
# a folder such as tests/api must never hide an installed package.
sys.path.append(str(Path(__file__).parent))

pytest_plugins = ["backends.plugin"]
