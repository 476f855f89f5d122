"""Call lists that people bring as files."""
