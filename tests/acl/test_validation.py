"""Who is let through: RocketMQ's order of checks and its words, at our server."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from minimq.acl.acl_client_rpc_hook import SessionCredentials
from minimq.acl.acl_file_watch_service import AclFileWatchService
from minimq.acl.acl_signer import (
    NOT_SIGNED_BY_JAVA,
    cal_signature,
    combine_request_content,
)
from minimq.acl.plain_access_validator import PlainAccessValidator, needed_perms
from minimq.acl.plain_permission_manager import PlainPermissionManager
from minimq.protocol.request_code import RequestCode
from minimq.remoting.remoting_server import RemotingServer
from minimq.remoting.request_dispatcher import ProcessorQueue, RequestDispatcher
from minimq.remoting.transport import MemoryNetwork
from minimq.telemetry.recorder import Recorder
from tests.acl.rules import ADMIN, REFUSALS, USER, manager, send, signed
from tests.helpers.raw import RawClient
from tests.helpers.virtual import run_virtual, virtual_host

PREFIX = "org.apache.rocketmq.acl.common.AclException: "


def ask(rules: PlainPermissionManager, request, peer: str = "127.0.0.1:4711"):
    """The remark of a refusal, None for a request that passes."""
    validator = PlainAccessValidator(rules, Recorder("test", lambda: 0))
    answer = validator(SimpleNamespace(peer=peer), request)
    return None if answer is None else (int(answer.code), answer.remark)


@pytest.mark.parametrize(("request_", "words"), [row[1:] for row in REFUSALS],
                         ids=[row[0] for row in REFUSALS])  # fmt: skip
def test_refusals(request_, words):
    assert ask(manager(), request_) == (1, PREFIX + words)


@pytest.mark.parametrize(
    "request_",
    [
        signed(ADMIN, RequestCode.UPDATE_AND_CREATE_TOPIC, topic="any"),
        signed(ADMIN, RequestCode.SEND_MESSAGE_V2, b"x", **send("any")),
        signed(USER, RequestCode.SEND_MESSAGE_V2, b"x", **send("topicB")),
        signed(USER, RequestCode.SEND_MESSAGE_V2, b"x", **send("RMQ_SYS_TRACE_TOPIC")),
        signed(USER, RequestCode.SEND_MESSAGE_V2, b"x", **send("%RETRY%other", "other")),
        signed(USER, RequestCode.PULL_MESSAGE, topic="topicC", consumerGroup="other"),
        signed(USER, RequestCode.QUERY_MESSAGE, topic="topicB", _UNIQUE_KEY_QUERY="true"),
        signed(USER, RequestCode.UNREGISTER_CLIENT, producerGroup="PG"),
        signed(USER, RequestCode.GET_BROKER_CLUSTER_ACL_INFO),
        signed(USER, 9_999),
    ],
    ids=lambda request: f"{request.code} {request.ext_fields.get('b', '')}",
)
def test_what_may_pass(request_):
    assert ask(manager(), request_) is None


def test_white_addresses_need_no_key_at_all():
    nobody = signed(None, RequestCode.UPDATE_AND_CREATE_TOPIC)
    assert ask(manager(), nobody, "10.10.103.9:1") is None
    assert ask(manager(), nobody, "[::1]:1") is not None


def test_an_accounts_white_address_needs_its_key_but_no_signature():
    unsigned = signed(None, RequestCode.UPDATE_AND_CREATE_TOPIC, AccessKey=USER.access_key)
    assert ask(manager(), unsigned, "192.168.7.7:1") is None
    assert ask(manager(), unsigned, "192.168.7.8:1") is not None


def test_a_changed_field_body_or_name_breaks_the_signature():
    for change in (
        lambda request: request.ext_fields.update(b="topicC"),
        lambda request: request.ext_fields.update(minimqPace="20"),
        lambda request: setattr(request, "body", b"other"),
    ):
        request = signed(USER, RequestCode.SEND_MESSAGE_V2, b"x", **send("topicB"))
        assert ask(manager(), request) is None
        change(request)
        assert ask(manager(), request)[1].startswith(PREFIX + "Check signature failed")


def test_a_look_up_as_javas_client_signs_it():
    request = signed(None, RequestCode.QUERY_MESSAGE, topic="topicB", _UNIQUE_KEY_QUERY="true")
    request.ext_fields["AccessKey"] = USER.access_key
    content = combine_request_content(request.ext_fields, b"", NOT_SIGNED_BY_JAVA)
    request.ext_fields["Signature"] = cal_signature(content, USER.secret_key)
    assert ask(manager(), request) is None
    request.ext_fields["_UNIQUE_KEY_QUERY"] = "false"
    assert ask(manager(), request) is not None


def test_an_admin_with_perms_of_its_own_is_held_to_them():
    held = SessionCredentials("heldadmin", "heldsecret")
    account = {"accessKey": held.access_key, "secretKey": held.secret_key, "admin": True}
    account["topicPerms"] = ["topicA=DENY"]
    rules = manager(accounts=[account])
    assert ask(rules, signed(held, RequestCode.UPDATE_AND_CREATE_TOPIC)) is None
    assert ask(rules, signed(held, RequestCode.SEND_MESSAGE_V2, **send("topicA"))) is not None


def test_a_batch_needs_what_a_send_needs():
    request = signed(USER, RequestCode.SEND_BATCH_MESSAGE, b"x", **send("topicA"))
    assert ask(manager(), request) == (1, PREFIX + "No default permission for topic:topicA")


def test_changing_the_rules_needs_an_admin():
    for code in (50, 51, 53):
        assert "Need admin permission" in ask(manager(), signed(USER, code))[1]
        assert ask(manager(), signed(ADMIN, code)) is None


def test_a_heartbeat_that_cannot_be_read_is_refused():
    code, remark = ask(manager(), signed(USER, RequestCode.HEART_BEAT, b'{"clientI'))
    assert code == 1
    assert remark.startswith(PREFIX)


def test_requests_without_a_resource_need_none():
    assert needed_perms(signed(None, RequestCode.GET_MAX_OFFSET, topic="T")) == {}


def test_a_guarded_server_answers_nothing_else():
    """One-way requests die silently, unknown ones are refused before they are looked up."""

    async def main() -> None:
        network = MemoryNetwork(random.Random(1))
        host = virtual_host("broker", network)
        dispatcher = RequestDispatcher(host)
        served: list[int] = []

        def serve(connection, request):
            served.append(request.code)
            return request.create_response()

        dispatcher.register([28], serve, ProcessorQueue("test"))
        dispatcher.before.append(PlainAccessValidator(manager(), host.recorder))
        server = RemotingServer(host, dispatcher)
        address = await server.start("127.0.0.1:0")
        client = RawClient(virtual_host("client", network), address)
        for code in (28, 9_999):
            answer = await client.call(code)
            assert (answer.code, answer.remark) == (1, PREFIX + "No accessKey is configured")
        await client.oneway(28)
        answer = await client.call(28, signed(ADMIN, 28).ext_fields)
        assert (answer.code, served) == (0, [28])
        answer = await client.call(9_999, signed(ADMIN, 9_999).ext_fields)
        assert answer.code == 3
        raws, _ = host.recorder.drain()
        refusals = [raw[4:] for raw in raws if raw[2].name == "acl.refused"]
        assert [refusal[1] for refusal in refusals] == [28, 9_999, 28]
        await client.close()
        await server.shutdown()

    run_virtual(main())


def test_a_changed_file_is_read_anew():
    async def main() -> None:
        host = virtual_host("broker")
        rules = PlainPermissionManager(host.file_system, host.clock.now_millis)
        rules.load()
        request = signed(USER, RequestCode.SEND_MESSAGE_V2, b"x", **send("topicB"))
        assert ask(rules, request) is not None
        watch = AclFileWatchService(host, rules)
        written = b"accounts:\n- {accessKey: RocketMQ, secretKey: 12345678, defaultTopicPerm: PUB}"
        host.file_system.replace_bytes("conf/plain_acl.yml", written)
        await watch.run_once()
        assert ask(rules, request) is None
        assert rules.reload_if_changed() is False

    run_virtual(main())


def test_a_file_that_cannot_be_read_leaves_the_old_rules():
    async def main() -> None:
        host = virtual_host("broker")
        host.file_system.replace_bytes("conf/acl/a.yml", b"accounts: []")
        rules = PlainPermissionManager(host.file_system, host.clock.now_millis)
        rules.load()
        watch = AclFileWatchService(host, rules)
        watch.start()
        host.file_system.replace_bytes("conf/acl/a.yml", b"accounts: {")
        await host.pace.sleep(6_000)
        raws, _ = host.recorder.drain()
        told = [raw[4] for raw in raws if raw[2].name == "service.failed"]
        assert told
        assert "conf/acl/a.yml is no YAML" in told[0]
        assert rules.snapshot()["accounts"] == {}
        await watch.shutdown()

    run_virtual(main())
