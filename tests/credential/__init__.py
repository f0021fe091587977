"""Where tokens come from, and when."""
