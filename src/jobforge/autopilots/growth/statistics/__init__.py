"""Statistics of experiments: pure functions over sums, each formula with its source."""
