"""What the server answers: routes that parse, ask :mod:`stead.server.auth`, and make one call."""
