"""tcore: symbolic array graphs that differentiate themselves and run as fast native code, as a plugin framework."""
