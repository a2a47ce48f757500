"""The seeded simulation: the real core, edges and actuator on virtual time, a virtual network and disks that fail.

One seed decides everything. Start reading at `world.py`; what must hold whatever happens is in `checks.py`.
"""
