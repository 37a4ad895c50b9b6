"""Settings under RocketMQ's names: read, refused, written; tables that outlive a broken file."""

from __future__ import annotations

from dataclasses import fields

import pytest

from minimq.broker.broker_config import LIVE_SETTINGS, BrokerConfig
from minimq.common.config_manager import load_json_table, persist_json_table
from minimq.common.file_system import MemoryFileSystem
from minimq.common.settings import (
    configs_from_properties,
    from_properties,
    parse_properties,
    property_names,
    to_properties,
    with_setting,
)
from minimq.errors import ConfigError, StoreError
from minimq.namesrv.namesrv_config import NamesrvConfig
from minimq.store.store_config import BrokerRole, FlushDiskType, MessageStoreConfig

CONFIGS = [BrokerConfig, NamesrvConfig, MessageStoreConfig]


def test_values_are_read_by_the_type_of_their_field():
    config = BrokerConfig.from_properties(
        {"registerNameServerPeriod": " 20000 ", "longPollingEnable": "false", "brokerIP1": "::1"}
    )
    assert config.register_name_server_period == 20_000
    assert config.long_polling_enable is False
    assert config.broker_ip1 == "::1"
    store = from_properties(MessageStoreConfig, {"flushDiskType": "sync_flush"})
    assert store.flush_disk_type is FlushDiskType.SYNC_FLUSH


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("noSuchThing", "1", "unknown setting 'noSuchThing'"),
        ("brokername", "x", "did you mean brokerName"),
        ("brokerId", "one", "brokerId='one' cannot be read as a whole number"),
        ("longPollingEnable", "perhaps", "as true or false"),
    ],
)
def test_what_cannot_be_read_is_named(name, text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        BrokerConfig.from_properties({name: text})


def test_one_list_of_properties_for_broker_and_store():
    given: dict[type, dict[str, int]] = {
        BrokerConfig: {"broker_id": 1},
        MessageStoreConfig: {"ha_listen_port": 5},
    }
    texts = {"brokerName": "b", "brokerRole": "SLAVE"}
    broker, store = configs_from_properties(given, texts)
    assert (broker.broker_name, broker.broker_id) == ("b", 1)
    assert (store.broker_role, store.ha_listen_port) == (BrokerRole.SLAVE, 5)
    with pytest.raises(ConfigError, match="one of ASYNC_MASTER, SYNC_MASTER, SLAVE"):
        configs_from_properties(given, {"brokerRole": "KING"})


@pytest.mark.parametrize("config_class", CONFIGS)
def test_writing_and_reading_are_inverse(config_class):
    config = config_class()
    assert from_properties(config_class, to_properties(config)) == config
    assert len(property_names(config_class)) == len(fields(config_class))


def test_live_settings_exist():
    assert set(property_names(BrokerConfig)) >= LIVE_SETTINGS


def test_one_setting_changed():
    config = with_setting(BrokerConfig(), "shortPollingTimeMills", 5)
    assert config.short_polling_time_mills == 5
    assert with_setting(config, "traceOn", False).trace_on is False
    with pytest.raises(ConfigError):
        with_setting(config, "traceon", False)


def test_properties_text():
    text = "# comment\n\n a = 1 \nb=x=y\n!other\n"
    assert parse_properties(text) == {"a": "1", "b": "x=y"}


# -- small tables on disk ----------------------------------------------------------------------

PATH = "config/consumerOffset.json"
FIRST: dict[str, object] = {"offsetTable": {"T@g": {0: 1, 10: 2}}}
SECOND: dict[str, object] = {"offsetTable": {"T@g": {0: 5}}, "other": []}


def test_a_table_is_laid_out_for_people_and_for_rocketmq():
    files = MemoryFileSystem()
    persist_json_table(files, PATH, FIRST)
    assert files.read_bytes(PATH) == b'{\n\t"offsetTable":{\n\t\t"T@g":{0:1,10:2}\n\t}\n}\n'
    assert load_json_table(files, PATH) == FIRST


def test_the_backup_stands_in_for_a_broken_file():
    files = MemoryFileSystem()
    assert load_json_table(files, PATH) is None
    persist_json_table(files, PATH, FIRST)
    persist_json_table(files, PATH, SECOND)
    assert load_json_table(files, PATH) == SECOND
    files.replace_bytes(PATH, b'{"offsetTable":{"T@')
    assert load_json_table(files, PATH) == FIRST
    files.remove(PATH)
    assert load_json_table(files, PATH) == FIRST
    files.replace_bytes(PATH, b"[1]")
    files.replace_bytes(PATH + ".bak", b"")
    with pytest.raises(StoreError, match="no JSON object"):
        load_json_table(files, PATH)
