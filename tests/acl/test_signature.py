"""Signing: the frozen vector, what is left out, and that any change shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.acl.acl_client_rpc_hook import AclClientRPCHook, SessionCredentials
from minimq.acl.acl_signer import cal_signature, combine_request_content, same_signature
from minimq.protocol.remoting_command import RemotingCommand

VECTORS = json.loads((Path(__file__).parents[1] / "protocol" / "vectors.json").read_text())
(VECTOR,) = [vector for vector in VECTORS["vectors"] if vector["kind"] == "acl"]


def test_the_frozen_vector():
    content = combine_request_content(VECTOR["extFields"], VECTOR["body"].encode())
    assert content == VECTOR["signed"].encode()
    assert cal_signature(content, VECTOR["secretKey"]) == VECTOR["signature"]


def test_the_hook_adds_key_token_and_signature():
    request = RemotingCommand.create_request(10, {"topic": "T"}, b"body")
    hook = AclClientRPCHook(SessionCredentials("access", "secret", "token"))
    hook.do_before_request("broker", request)
    expected = cal_signature(b"accesstokenTbody", "secret")
    assert request.ext_fields == {
        "AccessKey": "access", "SecurityToken": "token", "topic": "T", "Signature": expected
    }  # fmt: skip


def test_a_retried_request_is_signed_anew():
    request = RemotingCommand.create_request(10, {"topic": "T"})
    hook = AclClientRPCHook(SessionCredentials("access", "secret"))
    hook.do_before_request("broker", request)
    first = dict(request.ext_fields)
    hook.do_before_request("broker", request)
    assert request.ext_fields == first


def test_a_secret_is_not_shown():
    assert "secret" not in repr(SessionCredentials("access", "secret"))


@pytest.mark.parametrize("name", ["Signature", "_UNIQUE_KEY_QUERY"])
def test_two_fields_are_not_signed(name):
    assert combine_request_content({"b": "2", name: "x", "a": "1"}, b"") == b"12"


def test_capitals_come_first():
    assert combine_request_content({"a": "3", "AccessKey": "1", "Z": "2"}, b"") == b"123"


@given(st.dictionaries(st.text(min_size=1), st.text()), st.binary())
def test_the_order_of_the_fields_does_not_matter(ext, body):
    backwards = dict(reversed(ext.items()))
    assert combine_request_content(ext, body) == combine_request_content(backwards, body)


def test_no_signature_is_not_the_same():
    assert same_signature("abc", "abc")
    assert not same_signature(None, "abc")
    assert not same_signature("äbc", "abc")
