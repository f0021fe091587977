"""What a template and parameter file may look like, and what is said of one that can't be read."""
