"""The file of rules: what people, a Java broker and we write, and what is refused."""

from __future__ import annotations

import json

import pytest

from minimq.acl.acl_config import FILE_BYTES_MAX, PlainAccessConfig, parse_acl
from minimq.acl.acl_request_processor import AclRequestProcessor
from minimq.acl.permission import Permission
from minimq.acl.plain_permission_manager import PlainPermissionManager
from minimq.common.file_system import MemoryFileSystem
from minimq.errors import AclError
from minimq.protocol.config_body import DataVersion
from minimq.protocol.request_code import RequestCode
from tests.acl.rules import NOW_MILLIS, RULES, manager, signed

# As RocketMQ ships it, and as its broker writes it after an update.
SHIPPED = b"""
globalWhiteRemoteAddresses:
  - 10.10.103.*
  - 192.168.0.*

accounts:
  - accessKey: RocketMQ
    secretKey: 12345678
    whiteRemoteAddress:
    admin: false
    defaultTopicPerm: DENY
    defaultGroupPerm: SUB
    topicPerms:
      - topicA=DENY
      - topicB=PUB|SUB
    groupPerms:
      # the group should convert to retry topic
      - groupA=DENY
"""
WRITTEN = b"""
globalWhiteRemoteAddresses:
- 10.1.1.1
accounts:
- accessKey: RocketMQ
  secretKey: '12345678'
  whiteRemoteAddress: null
  admin: true
dataVersion:
- counter: 4
  timestamp: 1795244589549
"""


def test_the_file_that_rocketmq_ships():
    file = parse_acl("plain_acl.yml", SHIPPED)
    account = file.accounts["RocketMQ"]
    assert (account.secret_key, account.admin) == ("12345678", False)
    assert account.default_group_perm == Permission.SUB
    assert account.resource_perms["topicB"] == Permission.PUB | Permission.SUB
    assert account.resource_perms["%RETRY%groupA"] == Permission.DENY
    assert [is_white("192.168.0.3") for is_white in file.white] == [False, True]
    assert "12345678" not in repr(account)


def test_the_file_that_a_broker_writes():
    file = parse_acl("plain_acl.yml", WRITTEN)
    assert file.accounts["RocketMQ"].admin
    assert file.data_version == DataVersion(1_795_244_589_549, 4)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"accounts: {", "is no YAML"),
        (b"- a", "must hold accounts"),
        (b"accounts: 3", "accounts must be a list"),
        (b"accounts: [3]", "is no JSON object"),
        (b"accounts:\n- accessKey: short\n  secretKey: '12345678'", "longer than 6"),
        (b"accounts:\n- accessKey: RocketMQ", "longer than 6"),
        (b"globalWhiteRemoteAddresses: [1.2.3.999]", "1.2.3.999"),
        (b"a: !!python/object/apply:os.getcwd []", "is no YAML"),
        (b" " * (FILE_BYTES_MAX + 1), "more than"),
    ],
)
def test_a_file_that_is_refused(data, complaint):
    with pytest.raises(AclError, match=complaint):
        parse_acl("plain_acl.yml", data)


@pytest.mark.parametrize("data", [b"", b"\n# nothing\n", b"{}"])
def test_an_empty_file_has_no_rules(data):
    assert parse_acl("plain_acl.yml", data).accounts == {}


def test_rules_of_several_files_count_together_and_the_first_of_a_key_wins():
    files = MemoryFileSystem()
    files.replace_bytes("conf/plain_acl.yml", SHIPPED)
    files.replace_bytes("conf/acl/b/deep.yaml", b"globalWhiteRemoteAddresses: ['7.7.7.7']")
    files.replace_bytes("conf/acl/a.yml", WRITTEN)
    files.replace_bytes("conf/acl/readme.txt", b"{")
    rules = PlainPermissionManager(files, lambda: NOW_MILLIS)
    rules.load()
    assert rules.snapshot()["accounts"]["RocketMQ"]["admin"]
    assert list(rules.data_versions()) == [
        "conf/plain_acl.yml", "conf/acl/a.yml", "conf/acl/b/deep.yaml"
    ]  # fmt: skip


def processor(rules: PlainPermissionManager) -> AclRequestProcessor:
    return AclRequestProcessor(rules, "broker-a", "DefaultCluster", lambda: "127.0.0.1:10911")


def answer(rules: PlainPermissionManager, code: int, **ext):
    response = processor(rules).process_request(None, signed(None, code, **ext))
    return int(response.code), response.remark


FRESH = {"accessKey": "freshkey", "secretKey": "freshsecret"}


def test_accounts_come_change_and_go():
    rules = manager()
    perms = {"defaultTopicPerm": "PUB", "topicPerms": "t1=SUB,t2=PUB|SUB"}
    assert answer(rules, 50, **FRESH, **perms) == (0, None)
    assert answer(rules, 50, **FRESH, admin="true", groupPerms="g=DENY") == (0, None)
    assert rules.snapshot()["accounts"]["freshkey"] == {
        "admin": True, "defaultTopicPerm": "PUB", "defaultGroupPerm": "DENY",
        "perms": {"%RETRY%g": "DENY", "t1": "SUB", "t2": "PUB|SUB"},
    }  # fmt: skip
    assert answer(rules, 51, accessKey="freshkey") == (0, None)
    assert sorted(rules.snapshot()["accounts"]) == ["RocketMQ", "rocketmq2"]


def test_what_is_written_is_json_and_yaml_with_the_next_version():
    files = MemoryFileSystem()
    files.replace_bytes("conf/plain_acl.yml", WRITTEN)
    rules = PlainPermissionManager(files, lambda: NOW_MILLIS)
    rules.load()
    assert answer(rules, 53, globalWhiteAddrs="10.2.2.2, 10.3.3.*") == (0, None)
    written = files.read_bytes("conf/plain_acl.yml")
    assert written is not None
    assert b"\t" not in written
    members = json.loads(written)
    assert members["globalWhiteRemoteAddresses"] == ["10.2.2.2", "10.3.3.*"]
    assert members["dataVersion"] == [{"counter": 5, "timestamp": NOW_MILLIS}]
    assert rules.reload_if_changed() is False


@pytest.mark.parametrize(
    ("code", "ext", "expected", "words"),
    [
        (50, {"accessKey": "short", "secretKey": "freshsecret"}, 209, "longer than 6"),
        (50, {"accessKey": "freshkey"}, 209, "longer than 6"),
        (50, {**FRESH, "topicPerms": "t1"}, 209, "Parse Resource format error for t1."),
        (50, {**FRESH, "groupPerms": "g=XX"}, 209, "Parse resource permission error for g=XX."),
        (50, {**FRESH, "whiteRemoteAddress": "1.2.3"}, 209, "1.2.3"),
        (51, {"accessKey": "unknown"}, 210, "has been deleted failed."),
        (53, {"globalWhiteAddrs": "x"}, 211, "Netaddress examine Exception"),
        (53, {"globalWhiteAddrs": "*", "aclFileFullPath": "no/file"}, 211, "updated failed."),
    ],
)
def test_a_change_that_is_refused_changes_nothing(code, ext, expected, words):
    rules = manager()
    before = rules.snapshot()
    got, remark = answer(rules, code, **ext)
    assert got == expected
    assert words in remark
    assert rules.snapshot() == before


def test_the_version_of_the_rules():
    rules = manager()
    rules.update_access_config(PlainAccessConfig("freshkey", "freshsecret"))
    request = signed(None, RequestCode.GET_BROKER_CLUSTER_ACL_INFO)
    ext = processor(rules).process_request(None, request).ext_fields
    version = {"counter": 1, "timestamp": NOW_MILLIS}
    assert json.loads(ext["version"]) == version
    assert json.loads(ext["allAclFileVersion"]) == {"conf/plain_acl.yml": version}
    names = [ext[name] for name in ("brokerName", "clusterName", "brokerAddr")]
    assert names == ["broker-a", "DefaultCluster", "127.0.0.1:10911"]


def test_a_disk_that_cannot_be_written_is_told(monkeypatch):
    rules = manager()

    def full(self, path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MemoryFileSystem, "replace_bytes", full)
    assert answer(rules, 51, accessKey="RocketMQ") == (
        210, "cannot write conf/plain_acl.yml: No space left on device"
    )  # fmt: skip
    assert sorted(rules.snapshot()["accounts"]) == sorted(
        account["accessKey"] for account in RULES["accounts"]
    )
