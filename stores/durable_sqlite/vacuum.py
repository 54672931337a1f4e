"""Giving free pages back to the file system. It must not hold up drives for long."""

from __future__ import annotations

from time import sleep

from durable.errors import StoreFull
from durable_sqlite import sql
from durable_sqlite.base import StoreBase
from durable_sqlite.leases import is_alive
from durable_sqlite.pruning import PAGES_AT_ONCE, YIELD_SECONDS, delete_recorded
from durable_sqlite.transaction import write_locked

_INCREMENTAL = 2
_WORTHWHILE = 10  # percent of an older file that must be free before all of it is written anew


class Vacuum(StoreBase):
    """The part of the store that makes the file smaller."""

    def reclaim(self) -> int:
        """Give space back to the file system; see ``Store.reclaim``."""
        for (run,) in self._database.read(sql.SELECT_HALF_PRUNED, ()):
            delete_recorded(self._database, run)
        before = self._number(sql.PAGE_COUNT)
        if self._number(sql.AUTO_VACUUM) == _INCREMENTAL:
            self._vacuum_in_steps()
        elif self._number(sql.FREE_PAGES) * 100 >= self._number(sql.PAGE_COUNT) * _WORTHWHILE:
            self._vacuum_whole_file()
        self._truncate_wal()
        return max(before - self._number(sql.PAGE_COUNT), 0) * self._number(sql.PAGE_SIZE)

    def _vacuum_in_steps(self) -> None:
        for _ in range(self._number(sql.FREE_PAGES) // PAGES_AT_ONCE + 1):  # not for ever, if others free more
            with write_locked(self._database) as connection:
                # As a script, because ``execute`` takes one step of a statement without columns: one page.
                connection.executescript(sql.incremental_vacuum(PAGES_AT_ONCE))
            sleep(YIELD_SECONDS)

    def _vacuum_whole_file(self) -> None:
        """Write the file of an older durable anew, if nobody drives a run and there is room for it."""
        try:
            with write_locked(self._database) as connection:
                if self._is_idle():  # and stays so: no lease is acquired without the write lock
                    connection.execute(sql.USE_INCREMENTAL_VACUUM)  # takes effect now, and spares it next time
                    connection.execute(sql.VACUUM)
        except StoreFull as error:  # the runs are pruned all the same, and new events use what is free
            import logging  # 3 ms, for what hardly ever happens

            logging.getLogger("durable.stores").warning("the space is not given back now: %s", error)

    def _truncate_wal(self) -> None:
        with write_locked(self._database) as connection:
            connection.execute(sql.set_busy_timeout(0))  # present readers are not waited for
            try:
                connection.execute(sql.TRUNCATE_WAL).fetchall()
            finally:
                connection.execute(sql.set_busy_timeout(round(self._database.config.timeout * 1000)))

    def _number(self, pragma: str) -> int:
        return int(self._database.read(pragma, ())[0][0])

    def _is_idle(self) -> bool:
        return not any(is_alive(self, *row) for row in self._database.read(sql.SELECT_HELD_LEASES, ()))
