"""Every technique on thirteen kinds of network, through the service."""
