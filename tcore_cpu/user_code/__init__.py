"""Users' C code: the documented ``c_*`` methods as compiled modules."""
