"""One caller cannot take what belongs to all: how often somebody may ask, and whose turn it is."""
