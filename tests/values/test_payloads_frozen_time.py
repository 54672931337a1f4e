"""Dates made while a test has frozen the time are recorded as real ones."""

from __future__ import annotations

import datetime

import freezegun

from durable.values.payloads import decode, encode
from tests.values.samples import Report, there_and_back


class TestTime:
    def test_frozen_dates_come_back_as_real_ones(self) -> None:
        zone = datetime.timezone(datetime.timedelta(hours=-3))
        with freezegun.freeze_time("2026-03-01 12:00:00"):
            frozen = {
                "now": datetime.datetime.now(zone),
                "nested": [(datetime.datetime(2026, 3, 1, fold=1),), {datetime.date.today()}],
                "class": datetime.datetime,
                "report": Report([datetime.date(2026, 1, 1)], datetime.datetime.now()),
            }
            payload = encode(frozen)
            assert payload is not None
            while_frozen = decode(payload.encoding, payload.data)
        assert b"freezegun" not in payload.data
        for back in (while_frozen, decode(payload.encoding, payload.data)):
            assert type(back["now"]) is datetime.datetime
            assert back["now"] == datetime.datetime(2026, 3, 1, 9, tzinfo=zone)
            assert back["nested"] == [(datetime.datetime(2026, 3, 1),), {datetime.date(2026, 3, 1)}]
            assert type(back["nested"][0][0]) is datetime.datetime
            assert back["nested"][0][0].fold == 1
            assert {type(day) for day in back["nested"][1]} == {datetime.date}
            assert back["class"] is datetime.datetime
            assert type(back["report"].rows[0]) is datetime.date
            assert type(back["report"].when) is datetime.datetime

    def test_real_dates_are_recorded_while_time_is_frozen_and_fakes_after_it(self) -> None:
        real = datetime.datetime(2026, 3, 1)
        with freezegun.freeze_time("2026-03-01"):
            fake = datetime.datetime.now()
            back = there_and_back([real])[0]
        assert (type(back), back) == (datetime.datetime, real)
        assert type(fake) is not datetime.datetime
        back = there_and_back(fake)
        assert (type(back), back) == (datetime.datetime, real)

    def test_dates_outside_a_frozen_clock_need_nothing_of_durable(self) -> None:
        payload = encode(datetime.datetime(2026, 3, 1))
        assert payload is not None
        assert b"durable" not in payload.data
