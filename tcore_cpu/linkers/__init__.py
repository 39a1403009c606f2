"""The linkers of this backend: what makes functions of programs."""
