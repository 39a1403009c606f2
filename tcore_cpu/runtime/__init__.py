"""The native runtime in this process: loaded, with its libraries for linear algebra."""
