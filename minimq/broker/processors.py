"""Which processor serves which request, and in which queue it may have to wait.

Java:    broker.BrokerController.registerProcessor, initialize (the thread pools)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.broker.processor.admin_broker import AdminBrokerProcessor
from minimq.broker.processor.admin_offsets import AdminOffsetsProcessor
from minimq.broker.processor.admin_topics import AdminTopicsProcessor
from minimq.broker.processor.consumer_manage import ConsumerManageProcessor
from minimq.broker.processor.consumer_send_back import ConsumerSendBackProcessor
from minimq.broker.processor.end_transaction import EndTransactionProcessor
from minimq.broker.processor.query_message import QueryMessageProcessor
from minimq.broker.processor.queue_offsets import QueueOffsetsProcessor
from minimq.broker.processor.reply_message import ReplyMessageProcessor
from minimq.protocol.request_code import RequestCode as Code
from minimq.remoting.request_dispatcher import ProcessorQueue

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController


def register_processors(controller: BrokerController) -> None:
    """Each queue has the name of Java's thread pool and that pool's capacity."""
    config, register = controller.config, controller.dispatcher.register
    sends = ProcessorQueue("SendMessageThread", config.send_thread_pool_queue_capacity)
    register(
        (Code.SEND_MESSAGE, Code.SEND_MESSAGE_V2, Code.SEND_BATCH_MESSAGE),
        controller.send_message_processor.process_request,
        sends,
    )
    back = ConsumerSendBackProcessor(controller).process_request
    register([Code.CONSUMER_SEND_MSG_BACK], back, sends)
    replies = ProcessorQueue("ReplyMessageThread", config.reply_thread_pool_queue_capacity)
    reply = ReplyMessageProcessor(controller).process_request
    register((Code.SEND_REPLY_MESSAGE, Code.SEND_REPLY_MESSAGE_V2), reply, replies)
    pulls = ProcessorQueue("PullMessageThread", config.pull_thread_pool_queue_capacity)
    register([Code.PULL_MESSAGE], controller.pull_message_processor.process_request, pulls)
    queries = ProcessorQueue("QueryMessageThread", config.query_thread_pool_queue_capacity)
    query = QueryMessageProcessor(controller).process_request
    register((Code.QUERY_MESSAGE, Code.VIEW_MESSAGE_BY_ID), query, queries)
    ends = ProcessorQueue("EndTransactionThread", config.end_transaction_pool_queue_capacity)
    register([Code.END_TRANSACTION], EndTransactionProcessor(controller).process_request, ends)
    _register_clients(controller)
    admin = ProcessorQueue("AdminBrokerThread")
    for processor in (
        QueueOffsetsProcessor(controller),
        AdminTopicsProcessor(controller),
        AdminOffsetsProcessor(controller),
        AdminBrokerProcessor(controller),
    ):
        register(processor.handlers, processor.process_request, admin)


def _register_clients(controller: BrokerController) -> None:
    config, register = controller.config, controller.dispatcher.register
    clients = controller.client_manage_processor.process_request
    heartbeats = ProcessorQueue("HeartbeatThread", config.heartbeat_thread_pool_queue_capacity)
    register([Code.HEART_BEAT], clients, heartbeats)
    capacity = config.client_manager_thread_pool_queue_capacity
    farewells = ProcessorQueue("ClientManageThread", capacity)
    register((Code.UNREGISTER_CLIENT, Code.CHECK_CLIENT_CONFIG), clients, farewells)
    capacity = config.consumer_manager_thread_pool_queue_capacity
    members = ProcessorQueue("ConsumerManageThread", capacity)
    codes = (
        Code.GET_CONSUMER_LIST_BY_GROUP,
        Code.UPDATE_CONSUMER_OFFSET,
        Code.QUERY_CONSUMER_OFFSET,
    )
    register(codes, ConsumerManageProcessor(controller).process_request, members)
