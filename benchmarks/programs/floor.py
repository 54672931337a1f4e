"""The least that resuming can cost: start Python, open the log, read the run's events.

python floor.py FOLDER
"""

import sqlite3
import sys
import time

connection = sqlite3.connect(f"{sys.argv[1]}/runs.db")
rows = connection.execute("SELECT seq, time, type, task_id, attempt FROM events ORDER BY run, seq").fetchall()
moment = time.monotonic_ns()
with open(f"{sys.argv[1]}/resumed", "w", encoding="utf-8") as file:
    file.write(str(moment))
