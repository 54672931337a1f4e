"""How workflows are written: tasks, operators, groups, maps, class steps, questions, ``with workflow(...)``.

Definitions describe; they run nothing. ``compile.py`` turns them into the plain graph.
"""
