"""Keys, local users and tokens from the command line."""
