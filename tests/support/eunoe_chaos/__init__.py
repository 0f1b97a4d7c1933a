"""A storm of faults on a complete system: processes and servers are killed under load, then both stores are compared.

`tests/acceptance/test_chaos.py` runs its short form and fails on any defect. `benchmarks/chaos.py` reports the figures.
It is a test, so it stays with the support of the tests; `benchmarks/common.py` adds this folder to the path.
"""
