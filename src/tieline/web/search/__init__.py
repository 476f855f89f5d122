"""One box: phone numbers, names and ids of records, runs."""
