"""Whatever goes wrong on the way: what the client says must be what Azure's own record says."""
