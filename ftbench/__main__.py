"""``python -m ftbench``: see ``ftbench.cli.main``."""

from __future__ import annotations

import sys

from ftbench.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
