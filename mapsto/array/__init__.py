"""Floor 3: the array, the frame that traces what is done to it, and the functions on it."""
