"""The oldest Python that a box may have, if this machine has one too."""

from __future__ import annotations

import os
import shutil
import subprocess


def old_python() -> str | None:
    """$LOA_OLD_PYTHON, or a python3.7 on the path that runs; elsewhere the syntax alone is read."""
    path = os.environ.get("LOA_OLD_PYTHON") or shutil.which("python3.7")
    if path is None:
        return None
    told = subprocess.run([path, "--version"], capture_output=True, timeout=20, check=False)
    return path if told.returncode == 0 else None
