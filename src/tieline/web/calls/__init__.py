"""The pages of the calls flow: its rules as sentences, tried on real calls before they are saved."""
