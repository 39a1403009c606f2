"""tcore_cpu: the CPU backend of tcore: C code generator, native runtime, BLAS."""
