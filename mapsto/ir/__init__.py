"""Floor 1: the graph of primitives, the formula of one output element, and their text."""
