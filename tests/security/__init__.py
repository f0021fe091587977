"""Nobody else gets a token, no name leads elsewhere, nothing secret is shown."""
