"""The web application: a page for people, an API for programs, both around one Detector.

settings   what an operator may choose, from a TOML file, the environment and the command line
store      what was examined, by whom, until when: SQLite or PostgreSQL
batcher    a bounded queue of pictures and the threads that work on it
examine    the one place that holds the Detector, and the one function every verdict passes through
access     who asks: a browser session, an API key, or nobody in particular
api        /api/v1; its docstring is the contract
pages      what people see
app        puts them together
"""
