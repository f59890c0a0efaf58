"""What a court, the Supervisor of Records or an auditor asks of the archive: that it is whole, and proof of one."""
