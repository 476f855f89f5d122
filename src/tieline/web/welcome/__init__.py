"""The first run: from an empty workspace to calls that are written, step by step. Each step can be left and taken up."""
