"""Arrays on devices: what all device plugins share.

``type`` has the Type and its variables, ``array`` the values, ``contexts`` the devices by name; ``transfer`` moves values, ``lifting``
moves work; ``lowered`` and ``products`` are the ops, ``launching`` and ``linker`` run them; ``kernel``, ``c_calls`` and ``include/`` serve
ops that bring kernels of their own. A plugin supplies a :class:`~tcore.gpuarray.runtime.GpuContext` and a dialect.
"""
