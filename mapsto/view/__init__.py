"""What there is, as a person sees it: nets as tables, functions as graphs. Views only read."""
