"""The plain face's own parts: the blocking socket, the loop thread, the lazy names."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import closing
from typing import Any

import pytest

import minimq
from minimq.client.blocking_channel import BlockingChannel
from minimq.client.loop_thread import loop_thread
from minimq.errors import (
    ConfigError,
    MessageIllegalError,
    RemotingConnectError,
    RemotingSendRequestError,
    RemotingTimeoutError,
    ServiceStateError,
)
from minimq.protocol.frame_decoder import FrameDecoder, encode_frame
from minimq.protocol.remoting_command import RemotingCommand


class Server:
    """Answers each frame by a script: "answer", "late", "close", "noise"."""

    def __init__(self, *script: str) -> None:
        self._script = list(script)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listener.getsockname()[:2])
        self.answered = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        self._listener.close()
        decoder = FrameDecoder()
        with connection:
            while self._script and (data := connection.recv(65_536)):
                for request in decoder.feed(data):
                    self._answer(connection, request, self._script.pop(0))
        self.answered.set()

    def _answer(self, connection: socket.socket, request: RemotingCommand, how: str) -> None:
        answer = encode_frame(request.create_response(0, "fine"))
        if how == "noise":
            stranger = RemotingCommand(40)
            stranger.opaque = request.opaque
            old = request.create_response(0, "old")
            old.opaque = 77
            connection.sendall(encode_frame(stranger) + encode_frame(old) + answer)
        elif how == "answer":
            connection.sendall(answer[:5])
            connection.sendall(answer[5:])


@pytest.fixture
def request_command() -> RemotingCommand:
    return RemotingCommand.create_request(34)


def test_an_answer_comes_back_also_in_pieces(request_command: RemotingCommand) -> None:
    with closing(BlockingChannel(Server("answer", "answer").address, 1_000)) as channel:
        assert channel.call(request_command, 1_000).remark == "fine"
        assert channel.call(request_command, 3_000).remark == "fine"


def test_frames_that_are_not_the_answer_are_passed_over(request_command: RemotingCommand) -> None:
    with closing(BlockingChannel(Server("noise").address, 1_000)) as channel:
        assert channel.call(request_command, 1_000).remark == "fine"


def test_no_answer_in_time(request_command: RemotingCommand) -> None:
    server = Server("late", "late")
    channel = BlockingChannel(server.address, 1_000)
    with pytest.raises(RemotingTimeoutError) as caught:
        channel.call(request_command, 50)
    assert caught.value.maybe_done


def test_a_peer_that_goes_away(request_command: RemotingCommand) -> None:
    server = Server("answer")
    channel = BlockingChannel(server.address, 1_000)
    assert channel.is_open()
    channel.call(request_command, 1_000)
    assert server.answered.wait(5)
    assert not channel.is_open()
    with pytest.raises(RemotingSendRequestError):
        channel.call(request_command, 1_000)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(RemotingConnectError):
        BlockingChannel(f"127.0.0.1:{port}", 1_000)


def test_a_blocking_call_on_the_loop_thread_would_wait_for_itself() -> None:
    thread = loop_thread()

    async def nothing() -> None:
        return None

    def inside() -> None:
        thread.run(nothing())

    with pytest.raises(ServiceStateError, match=r"minimq\.aio"):
        thread.call(inside)
    assert thread.call(lambda: threading.current_thread().name) == "minimq-client"
    assert loop_thread() is thread


def test_settings_read_and_write_through_the_face() -> None:
    consumer = minimq.DefaultMQPushConsumer("g")
    consumer.namesrv_addr = "1.2.3.4:5"
    consumer.pull_batch_size = 7
    assert (consumer.namesrv_addr, consumer.pull_batch_size) == ("1.2.3.4:5", 7)
    assert repr(consumer) == "DefaultMQPushConsumer('g', CREATE_JUST)"
    assert "subscribe" in dir(consumer)
    with pytest.raises(ConfigError, match="did you mean pull_batch_size"):
        minimq.DefaultMQPushConsumer("g", pull_batchsize=1)
    with pytest.raises(AttributeError):
        _ = consumer.nonsense


@pytest.mark.parametrize("name", minimq.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(minimq, name) is not None


def test_importing_minimq_is_cheap() -> None:
    code = "import sys, minimq; print(sorted(m for m in sys.modules if m.startswith('minimq.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_names_are_no_attributes() -> None:
    module: Any = minimq
    with pytest.raises(AttributeError, match="no attribute 'DefaultMQConsumer'"):
        _ = module.DefaultMQConsumer


def test_a_callback_that_raises_holds_up_no_later_asynchronous_send() -> None:
    """Both sends are refused before they leave, so their callbacks run while the outbox drains."""
    producer = minimq.DefaultMQProducer("shop", namesrv_addr="127.0.0.1:1")
    answers: list[Any] = []
    both = threading.Event()

    def callback(result: Any, error: Any) -> None:
        answers.append(error)
        if len(answers) == 2:
            both.set()
        raise ValueError("my own mistake")

    with producer:
        producer.send_async([], callback)
        producer.send_async([], callback)
        assert both.wait(5)
    assert all(isinstance(error, MessageIllegalError) for error in answers)


def test_a_send_that_outlives_its_producer_leaves_no_socket_open() -> None:
    """A listener's thread may be waiting for an answer when the main thread shuts down."""
    producer = minimq.DefaultMQProducer("shop", namesrv_addr="127.0.0.1:1")
    address = Server("answer", "answer").address
    with producer:
        channel = producer._borrow(address, 1_000)
    producer._give_back(channel)
    with pytest.raises(RemotingSendRequestError):
        channel.call(RemotingCommand.create_request(34), 1_000)
