"""`make bench`: every figure that an issue names, measured again, as ratios within one run (docs/performance.md)."""
