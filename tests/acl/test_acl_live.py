"""A guarded broker, genuine or ours: genuine clients and mqadmin with keys, and our commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from minimq.acl.acl_config import write_acl
from tests.acl.rules import ADMIN, RULES, USER
from tests.cli.admin_rig import attempt, tidy
from tests.helpers.processes import wait_until
from tests.peers.genuine import JavaBroker, JavaNamesrv
from tests.peers.java_client import JavaPeer, JavaProducer
from tests.peers.minimq_servers import MinimqBroker, MinimqNamesrv

pytestmark = [pytest.mark.genuine, pytest.mark.live]


@dataclass
class Guarded:
    make: str
    namesrv: str
    broker: str
    rules: Path
    admin: JavaPeer
    folder: Path

    def ours(self, *words: str) -> str:
        """`minimq admin` with the admin's keys."""
        key_file = self.folder / "tools.yml"
        key_file.write_text(f"accessKey: {ADMIN.access_key}\nsecretKey: {ADMIN.secret_key}\n")
        code, out, err = attempt(*words, "-n", self.namesrv, "--keyFile", str(key_file))
        assert (code, err) == (0, ""), err
        return out

    def both(self, *words: str) -> tuple[list[str], list[str]]:
        return tidy(self.ours(*words)), tidy(self.admin.admin(*words))


@pytest.fixture(scope="module", params=["genuine", "minimq"])
def guarded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("acl")
    rules = write_acl(RULES)
    namesrv: JavaNamesrv | MinimqNamesrv
    broker: JavaBroker | MinimqBroker
    with ExitStack() as stack:
        if request.param == "genuine":
            namesrv = stack.enter_context(JavaNamesrv())
            java = JavaBroker("broker-a", namesrv.address, acl=rules.decode())
            broker = stack.enter_context(java)
            file = java.home / "conf" / "plain_acl.yml"
        else:
            namesrv = stack.enter_context(MinimqNamesrv())
            file = folder / "store" / "conf" / "plain_acl.yml"
            file.parent.mkdir(parents=True)
            file.write_bytes(rules)
            ours = MinimqBroker("broker-a", namesrv.address, store=folder / "store", aclEnable=True)
            broker = stack.enter_context(ours)
        admin = stack.enter_context(JavaPeer(namesrv.address, tuple(ADMIN[:2])))
        guarded = Guarded(request.param, namesrv.address, broker.address, file, admin, folder)
        for topic in ("topicA", "topicB", "topicC", "%RETRY%readers"):
            guarded.ours("updateTopic", "-b", broker.address, "-t", topic, "-r", "2", "-w", "2")
        yield guarded


def test_a_java_client_may_do_what_its_account_may(guarded):
    with JavaPeer(guarded.namesrv, tuple(USER[:2])) as user:
        consumer = user.push_consumer("readers", {"topicB": "*"})
        producer = user.producer("PG")
        (row,) = producer.send("topicB", ["hello"])
        assert row["status"] == "SEND_OK"
        assert consumer.wait(1)[0]["message"]["body"] == "hello"
        for topic in ("topicA", "topicC"):
            (row,) = producer.send(topic, ["hello"])
            assert (topic, row.get("code")) == (topic, 1)  # its text stays in Java's log


@pytest.mark.parametrize("keys", [None, ("RocketMQ", "87654321"), ("strangers", "12345678")])
def test_a_java_client_with_other_keys_may_nothing(guarded, keys):
    with JavaPeer(guarded.namesrv, keys) as stranger:
        (row,) = stranger.producer("PG").send("topicB", ["hello"])
        assert row.get("code") == 1
        assert "AclException" in stranger.admin("updateTopic", "-b", guarded.broker, "-t", "made")


def test_look_ups_by_key(guarded):
    """Java's client signs one field too many: its own broker refuses it, ours does not."""
    ours = guarded.ours("sendMessage", "-t", "topicC", "-p", "hello", "-k", "found")
    msg_id = ours.split()[-1]
    assert msg_id in guarded.ours("queryMsgByKey", "-t", "topicC", "-k", "found")
    assert "topicC" in guarded.ours("queryMsgByUniqueKey", "-t", "topicC", "-i", msg_id)
    said = guarded.admin.admin("queryMsgByKey", "-t", "topicC", "-k", "found")
    assert (msg_id in said) is (guarded.make == "minimq")


def test_our_commands_fail_in_one_line_without_keys(guarded):
    code, _, err = attempt("brokerStatus", "-b", guarded.broker)
    assert code == 1
    assert "AclException: No accessKey is configured" in err
    assert len(err.splitlines()) == 1


def test_accounts_come_and_go(guarded):
    """Our command's text is mqadmin's, but for the account, of which we hide the secret."""
    account = ["-a", "freshkey", "-s", "freshsecret", "-t", "topicA=PUB,topicC=SUB"]
    ours, genuine = guarded.both("updateAclConfig", "-b", guarded.broker, *account)
    assert ours[0] == genuine[0]
    assert "freshsecret" not in "".join(ours)
    with JavaPeer(guarded.namesrv, ("freshkey", "freshsecret")) as fresh:
        producer = fresh.producer("PG")
        (row,) = producer.send("topicA", ["hello"])
        assert row["status"] == "SEND_OK"
        guarded.ours("deleteAclConfig", "-b", guarded.broker, "-a", "freshkey")
        wait_until(lambda: refused(producer), timeout=20, what="the account to be gone")
    with pytest.raises(AssertionError, match="deleted failed"):
        guarded.ours("deleteAclConfig", "-c", "DefaultCluster", "-a", "freshkey")


def refused(producer: JavaProducer) -> bool:
    (row,) = producer.send("topicA", ["hello"])
    return row.get("code") == 1


def test_deleting_prints_the_same(guarded):
    for secret in ("secretof1", "secretof2"):
        guarded.ours("updateAclConfig", "-b", guarded.broker, "-a", secret, "-s", secret)
    first = guarded.ours("deleteAclConfig", "-b", guarded.broker, "-a", "secretof1")
    second = guarded.admin.admin("deleteAclConfig", "-b", guarded.broker, "-a", "secretof2")
    assert tidy(first.replace("secretof1", "secretof2")) == tidy(second)


def test_the_version_of_the_rules_counts_changes(guarded):
    ours, genuine = guarded.both("clusterAclConfigVersion", "-c", "DefaultCluster")
    assert ours == genuine
    before = int(ours[1].split()[4])
    addresses = ["-g", "10.10.104.*,10.1.1.1"]
    ours, genuine = guarded.both("updateGlobalWhiteAddr", "-b", guarded.broker, *addresses)
    assert ours == genuine
    said = guarded.ours("clusterAclConfigVersion", "-b", guarded.broker)
    assert int(said.split()[4]) == before + 2
    assert "10.10.104.*" in guarded.rules.read_text()
    assert re.search(r"get broker's plain access config version success\.", said)


def test_a_white_address_lets_everybody_in(guarded):
    guarded.ours("updateGlobalWhiteAddr", "-b", guarded.broker, "-g", "127.0.0.*")
    wait_until(
        lambda: attempt("brokerStatus", "-b", guarded.broker)[0] == 0,
        timeout=20,
        what="the white list to take effect",
    )
    guarded.ours("updateGlobalWhiteAddr", "-b", guarded.broker, "-g", "10.10.103.*")
    wait_until(
        lambda: attempt("brokerStatus", "-b", guarded.broker)[0] == 1,
        timeout=20,
        what="the white list to take effect again",
    )
