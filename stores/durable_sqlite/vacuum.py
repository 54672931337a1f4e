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


def reclaim(store: StoreBase) -> int:
    """Give space back to the file system; see ``Store.reclaim``."""
    for (run,) in store._database.read(sql.SELECT_HALF_PRUNED, ()):
        delete_recorded(store._database, run)
    before = _number(store, sql.PAGE_COUNT)
    if _number(store, sql.AUTO_VACUUM) == _INCREMENTAL:
        _vacuum_in_steps(store)
    elif _number(store, sql.FREE_PAGES) * 100 >= _number(store, sql.PAGE_COUNT) * _WORTHWHILE:
        _vacuum_whole_file(store)
    _truncate_wal(store)
    return max(before - _number(store, sql.PAGE_COUNT), 0) * _number(store, sql.PAGE_SIZE)


def _vacuum_in_steps(store: StoreBase) -> None:
    for _ in range(_number(store, sql.FREE_PAGES) // PAGES_AT_ONCE + 1):  # not for ever, if others free more
        with write_locked(store._database) as connection:
            # As a script, because ``execute`` takes one step of a statement without columns: one page.
            connection.executescript(sql.incremental_vacuum(PAGES_AT_ONCE))
        sleep(YIELD_SECONDS)


def _vacuum_whole_file(store: StoreBase) -> None:
    """Write the file of an older durable anew, if nobody drives a run and there is room for it."""
    try:
        with write_locked(store._database) as connection:
            if _is_idle(store):  # and stays so: no lease is acquired without the write lock
                connection.execute(sql.USE_INCREMENTAL_VACUUM)  # takes effect now, and spares it next time
                connection.execute(sql.VACUUM)
    except StoreFull as error:  # the runs are pruned all the same, and new events use what is free
        import logging  # 3 ms, for what hardly ever happens

        logging.getLogger("durable.stores").warning("the space is not given back now: %s", error)


def _truncate_wal(store: StoreBase) -> None:
    with write_locked(store._database) as connection:
        connection.execute(sql.set_busy_timeout(0))  # present readers are not waited for
        try:
            connection.execute(sql.TRUNCATE_WAL).fetchall()
        finally:
            connection.execute(sql.set_busy_timeout(round(store._database.config.timeout * 1000)))


def _number(store: StoreBase, pragma: str) -> int:
    return int(store._database.read(pragma, ())[0][0])


def _is_idle(store: StoreBase) -> bool:
    return not any(is_alive(store, *row) for row in store._database.read(sql.SELECT_HELD_LEASES, ()))
