"""The GPU: CuPy for arrays, our own kernels and cuBLAS for what decides speed, graphs of launches.

Imported when the device gpu is asked for, and not before: CuPy need not be installed.
"""
