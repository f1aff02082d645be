"""Who asks: identities, roles and what each of them may do."""
