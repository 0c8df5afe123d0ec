"""Time of the selection kernels beside the best loops: ``python -m benchmarks.selection``."""
