"""Floor 5: graph ↦ native program. `docs/compiler.md` follows one function through it."""
