"""Doors for programs written against the documented interface: its dotted paths, and ``import theano``."""
