"""What a GPU is given beyond CuPy: a step as one CUDA graph, cuBLASLt's products, fused kernels.

Nothing in this folder has run on a GPU yet: benchmarks/gpu.py is what checks and times it where there is one.
nvmath is imported only once there are arrays of CuPy.
"""
