"""Steps that several use cases share; each reads through ports and decides nothing by itself."""
