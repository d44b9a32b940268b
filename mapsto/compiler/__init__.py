"""Floor 5: from graphs to something that runs. For now that is the reference; native code takes this place."""
