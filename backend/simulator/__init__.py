"""The offline stand-in for the provider: it hears, speaks, is interrupted, bills and misbehaves."""

import os

# numpy reads this once, at its first import. The ears' matrices are small: with OpenBLAS's threads
# a phrase took 77 ms on two shared cores, with one thread 26 ms.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
