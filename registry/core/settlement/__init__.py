"""How a claim becomes money: one pure function, shared by the registry that pays and by whoever checks it.

`rules` has the arithmetic, `files` the published form of what goes in and what comes out, `reading` reads it back.
"""
