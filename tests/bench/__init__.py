"""`make bench`: measure every documented figure again, as ratios within one run (docs/performance.md)."""
