"""`minimq pull`: the lines of `minimq consume`, by a pull consumer that keeps its place."""

from __future__ import annotations

import pytest

from tests.cli.test_cli import lines, one_line, run, server

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def namesrv():
    with (
        server("namesrv", "--listen", "127.0.0.1:0") as namesrv,
        server("broker", "--namesrv", namesrv.address, "--listen", "127.0.0.1:0"),
    ):
        yield namesrv.address


def send(namesrv, topic, tag, count):
    sent = run("send", "--namesrv", namesrv, "--topic", topic, "--body", "größer", "--tags", tag,
               "--keys", "K1", "--count", str(count))  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    return {result["msgId"] for result in lines(sent.stdout)}


def pull(namesrv, topic, *more):
    done = run("pull", "--namesrv", namesrv, "--topic", topic, "--group", "pullers", *more)
    assert done.returncode == 0, done.stderr
    return lines(done.stdout)


def test_a_second_pull_begins_where_the_first_ended(namesrv):
    wanted = send(namesrv, "letters", "TagA", 9)
    send(namesrv, "letters", "TagB", 4)
    tagged = ("--from", "first", "--expression", "TagA || TagC")
    got = pull(namesrv, "letters", *tagged, "--max", "4", "--idle", "20")
    assert len(got) == 4
    assert set(got[0]) == {
        "topic", "queueId", "queueOffset", "msgId", "tags", "keys", "reconsumeTimes", "body"
    }  # fmt: skip
    assert (got[0]["body"], got[0]["tags"], got[0]["keys"]) == ("größer", "TagA", "K1")
    rest = pull(namesrv, "letters", *tagged, "--idle", "2")
    assert sorted(line["msgId"] for line in got + rest) == sorted(wanted)
    assert pull(namesrv, "letters", *tagged, "--idle", "1") == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--topic", "nowhere"], "nowhere"),
        (["--topic", "letters", "--expression", " || "], "parse subscription error"),
        (["--topic", "letters", "--max", "0"], "a whole number of 1 or more, got '0'"),
        ([], "the following arguments are required: --topic"),
    ],
)
def test_a_mistake_is_one_clear_line(namesrv, arguments, complaint):
    send(namesrv, "letters", "TagA", 1)
    line = one_line(run("pull", "--namesrv", namesrv, "--group", "clumsy", *arguments))
    assert line.startswith("minimq pull: ")
    assert complaint in line
