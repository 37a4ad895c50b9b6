"""The table: medians of rounds, ratios to peers, and what is wanted of them."""

from __future__ import annotations

from minimq.bench.rows import ROWS, Row
from minimq.bench.table import Results, cell, figure, make_table, verdict

SYNC = next(row for row in ROWS if row.title == "sync send")
WAKE = next(row for row in ROWS if row.title == "wake-up p50")


def results(**columns) -> Results:
    found = Results()
    for column, rows in columns.items():
        found.add(column, {})
        for title, values in rows.items():
            for value in values:
                found.add(column, {title: value})
    return found


def test_a_cell_is_the_median_of_the_rounds_with_our_ratio_to_it() -> None:
    found = results(minimq={"sync send": [900, 8_000, 1_000]}, redis={"sync send": [2_000, 2_000]})
    assert cell(found, SYNC, "minimq") == "1,000"
    assert cell(found, SYNC, "redis") == "2,000 (0.50x)"


def test_a_peer_without_the_row_leaves_its_cell_empty() -> None:
    found = results(minimq={"batch of 32": [9.0]}, raw={"sync send": [1.0]})
    table = make_table(found)
    assert [line.split()[-1] for line in table.splitlines() if "batch" in line] == ["-"]


def test_more_is_better_for_rates() -> None:
    for ours, word in ((699, "BELOW"), (700, "ok"), (1_000, "goal")):
        found = results(minimq={"sync send": [ours]}, redis={"sync send": [1_000]})
        assert verdict(found, SYNC).startswith(f"redis {word} ")


def test_less_is_better_for_times() -> None:
    for ours, word in ((121, "BELOW"), (120, "ok"), (90, "goal")):
        found = results(minimq={"wake-up p50": [ours]}, redis={"wake-up p50": [100]})
        assert verdict(found, WAKE).startswith(f"redis {word} ")


def test_some_figures_are_judged_by_themselves() -> None:
    row = next(row for row in ROWS if row.title == "cluster start")
    for ours, word in ((2.1, "BELOW"), (1.0, "ok"), (0.5, "goal")):
        assert verdict(results(minimq={row.title: [ours]}), row).startswith(f"{word} ")


def test_nothing_is_said_of_a_peer_that_took_no_part() -> None:
    assert verdict(results(minimq={"sync send": [1]}), SYNC) == ""


def test_rows_that_nobody_measured_are_left_out() -> None:
    table = make_table(results(minimq={"idle memory": [21.5]}))
    assert "idle memory" in table
    assert "sync send" not in table


def test_figures_are_short() -> None:
    assert [figure(x) for x in (None, 12_345.6, 99.5, 0.123)] == ["-", "12,346", "99.50", "0.12"]


def test_every_wanted_ratio_gets_better_from_floor_to_goal() -> None:
    def better(row: Row, floor: float, goal: float) -> bool:
        return goal < floor if row.less_is_better else goal > floor

    assert all(better(row, floor, goal) for row in ROWS for _, floor, goal in row.wanted)
    assert all(better(row, *row.limits) for row in ROWS if row.limits)
