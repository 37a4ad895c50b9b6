"""What a person types: mistakes are one line, help is there, keys come from a file."""

from __future__ import annotations

import pytest

from minimq.cli import admin_format
from minimq.cli.admin import COMMANDS
from minimq.cli.admin_command import find_command
from minimq.cli.admin_running_info import analyze, format_running_info
from minimq.common.message_queue import MessageQueue
from minimq.protocol.client_body import ConsumerRunningInfo, ProcessQueueInfo
from minimq.protocol.subscription_data import SubscriptionData
from tests.cli.admin_rig import attempt

NOWHERE = ["-n", "127.0.0.1:1"]
PROMISED = """clusterList topicList topicRoute topicStatus updateTopic deleteTopic consumerProgress
consumerConnection consumerStatus queryMsgById queryMsgByKey queryMsgByUniqueKey queryMsgByOffset
resetOffsetByTime brokerStatus wipeWritePerm addWritePerm sendMessage consumeMessage
updateSubGroup deleteSubGroup updateKvConfig getBrokerConfig updateBrokerConfig
producerConnection"""
WANTED = PROMISED.split()


def test_every_promised_command_is_there():
    names = [command.name for command in COMMANDS]
    assert [name for name in WANTED if name not in names] == []
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nonsense"], "The sub command nonsense not exist."),
        (["topicRoute"], "the following arguments are required: -t/--topic"),
        (["topicRoute", "-t"], "argument -t/--topic: expected one argument"),
        (["topicRoute", "-t", "T", "-z"], "unrecognized arguments: -z"),
        (["topicRoute", "-t", "T", "-n", "host"], "an address is ip:port"),
        (["updateTopic", "-t", "T"], "one of the arguments -b/--brokerAddr -c/--clusterName"),
        (["updateTopic", "-t", "T", "-b", "x", "-c", "y"], "not allowed with argument"),
        (["updateTopic", "-t", "T", "-b", "x", "-r", "many"], "invalid int value: 'many'"),
        (["resetOffsetByTime", "-g", "G", "-t", "T", "-s", "soon"], "a time is milliseconds or"),
        (["topicRoute", "-t", "T", "--keyFile", "no-such-file"], "there is no key file"),
        (["consumeMessage", "-t", "T", "-c", "0"], "Please input a positive messageNumber!"),
        (["consumeMessage", "-t", "T", "-o", "1"], "Please set queueId before offset!"),
        (["consumeMessage", "-t", "T", "-s", "99999999999999"], "beginTimestamp before now!"),
        (["consumeMessage", "-t", "T", "-s", "5", "-e", "4"], "must be less than or equal"),
    ],
)
def test_a_mistake_is_one_line(words, complaint):
    code, out, err = attempt(*words)
    assert (code, out) == (2, "")
    assert err.startswith("minimq admin")
    assert complaint in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("name", [name for name in WANTED if name != "brokerStatus"])
def test_no_name_server_is_one_line(name):
    """Every command has options that make it ask somebody."""
    command = find_command(COMMANDS, name)
    assert command is not None
    words = [name]
    for option in command.options:
        if option.letter == "b" and "c" in command.one_of:
            continue
        if option.required:
            words += [f"-{option.letter}", "1"]
    code, _, err = attempt(*words, *NOWHERE)
    assert code == 1
    assert err.startswith(f"minimq admin {name}: ")
    assert len(err.splitlines()) == 1


def test_a_command_that_needs_a_name_server_says_how_to_name_it():
    code, _, err = attempt("topicList")
    assert (code, err) == (
        1, "minimq admin topicList: No name server address: give one with -n\n"
    )  # fmt: skip


@pytest.mark.parametrize("words", [[], ["help"], ["-h"], ["--help"]])
def test_help_lists_the_commands(words):
    code, out, err = attempt(*words)
    assert (code, err) == (0, "")
    assert [name for name in WANTED if f"   {name} " not in out] == []


@pytest.mark.parametrize("words", [["help", "topicroute"], ["TOPICROUTE", "-h"]])
def test_help_for_one_command_whatever_its_capitals(words):
    code, out, _ = attempt(*words)
    assert code == 0
    assert "-t ARG, --topic ARG" in out.replace("-t, --topic ARG", "-t ARG, --topic ARG")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("accessKey: only", "must hold accessKey: and secretKey:"), ("- a", "must hold"),
     ("{", "is no YAML")],
)  # fmt: skip
def test_a_key_file_that_makes_no_sense(tmp_path, text, complaint):
    (tmp_path / "tools.yml").write_text(text)
    code, _, err = attempt("topicList", *NOWHERE, "--keyFile", str(tmp_path / "tools.yml"))
    assert code != 0
    assert complaint in err
    assert len(err.splitlines()) == 1


# -- how things are written


def test_a_map_has_javas_order():
    table = dict.fromkeys(["MIN_OFFSET", "colour", "MAX_OFFSET", "KEYS", "UNIQ_KEY", "TAGS"], "1")
    shuffled = dict(reversed(table.items()))
    assert admin_format.java_map(shuffled) == admin_format.java_map(table)
    assert admin_format.java_map(table).startswith("{MIN_OFFSET=1, colour=1, MAX_OFFSET=1, KEYS")
    many = {str(number): "x" for number in range(40)}
    assert admin_format.java_map(many).count("=") == 40


def test_pretty_json_is_fastjsons():
    value = {"b": [], "a": {0: "x", 1: "y"}, "c": [{"d": None, "e": True}]}
    assert admin_format.pretty_json(value) == (
        '{\n\t"a":{0:"x",1:"y"\n\t},\n\t"b":[],\n\t"c":[\n\t\t{\n\t\t\t"e":true\n\t\t}\n\t]\n}'
    )


def test_times_are_local_and_read_back():
    millis = 1_700_000_000_123
    text = f"{admin_format.local(millis):%Y-%m-%d#%H:%M:%S}:123"
    assert admin_format.parse_time(text) == millis
    assert admin_format.parse_time(" 77 ") == 77
    assert admin_format.human_time(millis).endswith(",123")


def info(consume_type: str = "CONSUME_PASSIVELY", **changes: object) -> ConsumerRunningInfo:
    properties = {"PROP_CONSUME_TYPE": consume_type, "PROP_CONSUMER_START_TIMESTAMP": "0"}
    properties |= {"PROP_CONSUMEORDERLY": str(changes.pop("orderly", "false"))}
    subscription = SubscriptionData("T", str(changes.pop("expression", "*")))
    queue = ProcessQueueInfo(**changes)
    return ConsumerRunningInfo(properties, [subscription], {MessageQueue("T", "b", 0): queue})


NOW_MILLIS = 1_000_000


@pytest.mark.parametrize(
    ("infos", "words"),
    [
        ({"a": info(), "b": info()}, "Same subscription"),
        ({"a": info(), "b": info(expression="A")}, "WARN: Different subscription"),
        ({"a": info("CONSUME_ACTIVELY"), "b": info(expression="A")}, "Same subscription"),
        ({"a": info(cached_msg_count=1)}, "can't consume for a while, maybe blocked, 1000000ms"),
        ({"a": info(orderly="true")}, "can't lock for a while, 1000000ms"),
        ({"a": info(orderly="true", locked=True, dropped=True, try_unlock_times=2)},
         "unlock 2 times, still failed"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_group(infos, words):
    assert words in analyze(infos, NOW_MILLIS)


def test_a_fresh_group_may_still_differ():
    infos = {"a": info(), "b": info(expression="A")}
    assert "Same subscription" in analyze(infos, 60_000)
    assert analyze({}, 0) == ""


def test_a_running_info_ends_with_the_stack_if_there_is_one():
    one = info()
    one.jstack = "the stack"
    assert format_running_info(one).endswith("#Consumer jstack#\nthe stack\n")
