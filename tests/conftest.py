"""Loads the fixtures that every folder may use. Fixtures of one component belong into its own folder."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# The tests are no packages (`--import-mode=importlib`), so what they share is put on the path here, last:
# a folder such as tests/api must never hide an installed package.
sys.path.append(str(Path(__file__).parent))

# How long an example takes says more about the machine than about the code: speed lives in the benchmarks.
settings.register_profile("runtally", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("runtally")

pytest_plugins = ["backends.plugin"]
