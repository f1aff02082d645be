-- Drops a month of a table, with every version of every event in it.
ALTER TABLE {table:Identifier} DROP PARTITION ID {month:String}
