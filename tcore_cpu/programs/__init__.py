"""From a graph to the program that the runtime interprets, and what such a program needs to run."""
