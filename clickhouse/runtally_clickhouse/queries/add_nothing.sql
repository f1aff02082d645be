-- Adds no row to a table: refused to a user who may not read it and add to it.
INSERT INTO {table:Identifier} SELECT * FROM {table:Identifier} WHERE false
