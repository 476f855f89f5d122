"""What people do with connections, flows and questions: each a plain function, one short transaction or a few.

Pages, the API and commands call these, never the rows. `workspace` and other ids are the rows' integers; what is not
there or not allowed raises `declined.DeclinedError` with a code, whose sentence is the caller's. Nothing here may run
inside an event loop's thread (Django's rows are synchronous); vendors are asked in a thread of their own (`asking`).
"""
