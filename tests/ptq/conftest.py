"""Makes `networks` importable by the tests beside it. A first call may take long: no deadline; seeds are fixed."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
settings.register_profile("ptq", deadline=None, derandomize=True)
settings.load_profile("ptq")
