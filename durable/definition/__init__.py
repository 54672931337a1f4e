"""How workflows are written: tasks, operators, groups, the ``with workflow(...)`` block.

Definitions describe; they run nothing. ``compile.py`` turns them into the plain graph.
"""
