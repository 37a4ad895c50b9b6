"""Serve the requests that change the access rules of a broker or ask for their version.

Java:    broker.processor.AdminBrokerProcessor (its cases 50 to 53)
Differs: a refused change of the rules names the reason; Java's remark is the same text.
"""

from __future__ import annotations

from collections.abc import Callable

from minimq.acl.acl_config import PlainAccessConfig
from minimq.acl.plain_permission_manager import PlainPermissionManager
from minimq.errors import AclError
from minimq.protocol.headers import (
    CreateAccessConfigRequestHeader,
    DeleteAccessConfigRequestHeader,
    GetBrokerAclConfigResponseHeader,
    UpdateGlobalWhiteAddrsConfigRequestHeader,
)
from minimq.protocol.json_body import dump
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode


class AclRequestProcessor:
    """`dispatcher.register(acl.codes(), acl.process_request, queue)`."""

    def __init__(
        self,
        permission_manager: PlainPermissionManager,
        broker_name: str,
        cluster_name: str,
        broker_addr: Callable[[], str],
    ) -> None:
        self._manager = permission_manager
        self._broker_name = broker_name
        self._cluster_name = cluster_name
        self._broker_addr = broker_addr
        self._handlers: dict[int, Callable[[RemotingCommand], RemotingCommand]] = {
            RequestCode.UPDATE_AND_CREATE_ACL_CONFIG: self._update_and_create_access_config,
            RequestCode.DELETE_ACL_CONFIG: self._delete_access_config,
            RequestCode.GET_BROKER_CLUSTER_ACL_INFO: self._get_broker_acl_config_version,
            RequestCode.UPDATE_GLOBAL_WHITE_ADDRS_CONFIG: self._update_global_white_addrs_config,
        }

    def codes(self) -> frozenset[int]:
        return frozenset(self._handlers)

    def process_request(self, connection: object, request: RemotingCommand) -> RemotingCommand:
        return self._handlers[request.code](request)

    def _update_and_create_access_config(self, request: RemotingCommand) -> RemotingCommand:
        header = CreateAccessConfigRequestHeader.from_ext(request.ext_fields)
        config = PlainAccessConfig(
            header.access_key,
            header.secret_key,
            header.white_remote_address,
            header.admin,
            header.default_topic_perm,
            header.default_group_perm,
            split_list(header.topic_perms),
            split_list(header.group_perms),
        )
        try:
            self._manager.update_access_config(config)
        except AclError as error:
            code = ResponseCode.UPDATE_AND_CREATE_ACL_CONFIG_FAILED
            return request.create_response(code, str(error))
        return request.create_response()

    def _delete_access_config(self, request: RemotingCommand) -> RemotingCommand:
        access_key = DeleteAccessConfigRequestHeader.from_ext(request.ext_fields).access_key
        failed = ResponseCode.DELETE_ACL_CONFIG_FAILED
        try:
            if self._manager.delete_access_config(access_key):
                return request.create_response()
        except AclError as error:
            return request.create_response(failed, str(error))
        what = f"The accesskey[{access_key}] corresponding to accessConfig"
        return request.create_response(failed, f"{what} has been deleted failed.")

    def _update_global_white_addrs_config(self, request: RemotingCommand) -> RemotingCommand:
        header = UpdateGlobalWhiteAddrsConfigRequestHeader.from_ext(request.ext_fields)
        failed = ResponseCode.UPDATE_GLOBAL_WHITE_ADDRS_CONFIG_FAILED
        addresses = split_list(header.global_white_addrs) or []
        try:
            if self._manager.update_global_white_addrs_config(addresses, header.acl_file_full_path):
                return request.create_response()
        except AclError as error:
            return request.create_response(failed, str(error))
        what = f"The globalWhiteAddresses[{header.global_white_addrs}]"
        return request.create_response(failed, f"{what} has been updated failed.")

    def _get_broker_acl_config_version(self, request: RemotingCommand) -> RemotingCommand:
        versions = self._manager.data_versions()
        header = GetBrokerAclConfigResponseHeader(
            version=dump(versions[self._manager.default_file].to_json()).decode(),
            broker_name=self._broker_name,
            broker_addr=self._broker_addr(),
            cluster_name=self._cluster_name,
            all_acl_file_version=dump(
                {path: version.to_json() for path, version in versions.items()}
            ).decode(),
        )
        return request.create_response(ext_fields=header.to_ext())


def split_list(text: str | None) -> list[str] | None:
    """Java: UtilAll.split at commas."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
