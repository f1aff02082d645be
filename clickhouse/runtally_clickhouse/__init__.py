"""The store: migrations, the client for both engines, and the catalogue of every question that is asked of it."""
