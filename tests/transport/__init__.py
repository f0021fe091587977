"""What goes over the wire, and what is made of what comes back or does not."""
