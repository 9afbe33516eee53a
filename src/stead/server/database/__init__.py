"""What the server keeps: one file per noun, plain functions over a connection.

Writing functions take a SQLAlchemy ``Connection`` inside a transaction that the
caller opened with :meth:`~stead.server.database.opening.Database.begin`, so that
what belongs together is committed together. They give frozen values of
:mod:`stead.server.values`, or ready JSON where a list is asked for often.
"""
