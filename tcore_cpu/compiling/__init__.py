"""C compilers, and where what they wrote is kept."""
