"""Python code run in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys


def fresh_process(script, cache):
    """What the script prints; `cache` is the folder of its cache of kernels."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "QENGINE_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()
