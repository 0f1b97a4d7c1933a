"""A storm over a whole Eunoe: everything that can be killed is killed under load, and then both stores are compared.

Shared by `benchmarks/chaos.py`, which reports what was found, and by `tests/acceptance/test_chaos.py`, which insists on
nothing being lost, doubled, misordered or foreign.
"""
