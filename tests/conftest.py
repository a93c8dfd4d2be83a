"""Each worker of `pytest -n` computes on its share of the cores, and so does what it starts."""

import os

if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    share = max(1, len(os.sched_getaffinity(0)) // int(workers)) if hasattr(os, "sched_getaffinity") else 1
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(share)
