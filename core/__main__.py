"""`python -m core`: the command line."""

import os
import sys

# Before torch loads its thread library: idle threads sleep instead of spinning. On two cores shared with the app and
# its readers, spinning made small training steps 5 to 80 times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # products in audits are small: one thread is as fast, alone

from core.cli import main

if __name__ == "__main__":  # a spawned process imports this module again
    sys.exit(main())
