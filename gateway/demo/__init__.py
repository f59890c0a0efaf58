"""The demo: an invented district, its mail, and the gateway between them (`mailgw demo`)."""
