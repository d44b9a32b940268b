"""Floor 4: transforms of graphs into graphs, and the mappings of mappings that users call."""
