"""Floor 6: mappings and their composition, initialisation, training mode."""
