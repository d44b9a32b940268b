"""Floor 6: mappings and their composition, initialisation, training mode."""

from mapsto.compose import combine, initialise, mapping, modes, paths

__all__ = ["combine", "initialise", "mapping", "modes", "paths"]
