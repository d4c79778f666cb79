"""How a site is read, crawled and judged."""
