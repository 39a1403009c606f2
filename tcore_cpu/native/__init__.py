"""The native runtime in C, how it is built, and the numbers that Python shares with it."""
