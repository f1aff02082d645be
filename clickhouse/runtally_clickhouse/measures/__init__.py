"""Any measure by any dimension: the catalogue, questions of it, their SQL, and the shape of their answers.

`compose` makes SQL and parameters of a question and does no I/O; `ask_question` asks the store, and gives dense rows.
"""
