"""The `runtally` command: composes the parts. Nothing else knows all of them."""
