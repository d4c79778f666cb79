"""Root causes: from series, topology and changes to competing hypotheses."""
