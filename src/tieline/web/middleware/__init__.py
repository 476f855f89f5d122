"""What happens around every page: headers, static files, the workspace in the address, the reader's settings."""
