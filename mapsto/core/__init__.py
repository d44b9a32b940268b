"""Floor 0: what an array looks like (spec), trees of arrays (tree), errors as data, and where we are (where)."""
