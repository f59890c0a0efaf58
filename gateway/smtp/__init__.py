"""The mail path: clients in, next hop out, nothing acknowledged that is not archived and delivered."""
