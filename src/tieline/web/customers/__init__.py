"""Pages of customers that are kept the same in two systems."""
