"""Settings that libraries read from the environment alone; in the program, `src/cli/environment.rs` has them."""

from __future__ import annotations

import os


def settle() -> None:
    """Makes the settings that were not made: before the library is loaded, whose allocator reads one of them then."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    settings = {
        # Else the tensor library reads /proc/cpuinfo before each matrix product.
        "RAYON_NUM_THREADS": str(threads or 1),
        # The tensor library's own threads wait by spinning, while ours share out whole batches.
        "CANDLE_NUM_THREADS": "1",
        # In milliseconds: what a batch frees serves the next.
        "MIMALLOC_PURGE_DELAY": "10000",
        # The tensor library would put backtraces into its errors' words.
        "RUST_LIB_BACKTRACE": "0",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)
