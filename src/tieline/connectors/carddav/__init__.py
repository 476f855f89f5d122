"""CardDAV: address books of any server that speaks RFC 6352."""
