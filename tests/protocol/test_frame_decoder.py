"""However the stream is cut, the same commands come out; what is no frame raises."""

import struct
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimq.errors import LocalCommandError, RemoteCommandError
from minimq.protocol.frame_decoder import (
    FRAME_MAX_LENGTH,
    BadFrameError,
    FrameDecoder,
    encode_frame,
)
from minimq.protocol.remoting_command import RemotingCommand

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INT32 = st.integers(-(2**31), 2**31 - 1)


def fields_of(command):
    return tuple(getattr(command, name) for name in RemotingCommand.__struct_fields__)


COMMANDS = st.builds(
    RemotingCommand,
    code=st.integers(0, 32767),
    opaque=INT32,
    flag=st.integers(0, 3),
    ext_fields=st.dictionaries(TEXT.filter(bool), TEXT.filter(bool), max_size=4),
    body=st.binary(max_size=40),
    remark=st.none() | TEXT.filter(bool),
    serialize_type=st.sampled_from([0, 1]),
)


@given(st.lists(COMMANDS, min_size=1, max_size=4), st.lists(st.integers(0, 2000), max_size=12))
def test_any_cut_gives_the_same_commands(commands, cuts):
    stream = b"".join(encode_frame(command) for command in commands)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    decoder, read = FrameDecoder(), []
    for start, end in pairwise(edges):
        read += decoder.feed(stream[start:end])
    assert [fields_of(command) for command in read] == [fields_of(c) for c in commands]
    assert decoder.buffered == 0


def test_byte_by_byte():
    commands = [RemotingCommand(10, opaque=n, body=b"x" * n) for n in range(3)]
    decoder, read = FrameDecoder(), []
    for byte in b"".join(encode_frame(command) for command in commands):
        read += decoder.feed(bytes([byte]))
    assert [command.opaque for command in read] == [0, 1, 2]


def test_a_big_frame_in_small_pieces_is_not_copied_again_and_again():
    frame = encode_frame(RemotingCommand(10, body=bytes(8_000_000)))
    decoder, read = FrameDecoder(), []
    start = time.process_time()
    for at in range(0, len(frame), 1024):
        read += decoder.feed(frame[at : at + 1024])
    assert len(read[0].body) == 8_000_000
    # Copying the rest at each piece would move 32 GB, several seconds.
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(struct.pack(">i", -1), id="negative length"),
        pytest.param(struct.pack(">i", FRAME_MAX_LENGTH - 3), id="too long"),
        pytest.param(struct.pack(">i", 3), id="shorter than its header word"),
        pytest.param(struct.pack(">iI", 10, 7), id="header longer than frame"),
        pytest.param(struct.pack(">iI", 6, 2 << 24 | 2) + b"{}", id="unknown serialize type"),
        pytest.param(struct.pack(">iI", 6, 2) + b"{]", id="header is no JSON"),
        pytest.param(struct.pack(">iI", 6, 2) + b"{}", id="header without opaque"),
        pytest.param(struct.pack(">iI", 6, 1 << 24 | 2) + b"{}", id="binary header too short"),
    ],
)
def test_bad_frames_raise(frame):
    with pytest.raises(RemoteCommandError):
        FrameDecoder().feed(frame)


@pytest.mark.parametrize("whole", [0, 1, 3])
def test_what_came_whole_before_a_bad_frame_in_the_same_read_counts(whole):
    good = b"".join(encode_frame(RemotingCommand(10, opaque=n)) for n in range(whole))
    for bad in (struct.pack(">i", -1), struct.pack(">iI", 6, 2) + b"{]"):
        with pytest.raises(BadFrameError) as caught:
            FrameDecoder().feed(good + bad)
        assert [command.opaque for command in caught.value.before] == list(range(whole))


def test_the_longest_frame_is_allowed():
    room = FRAME_MAX_LENGTH - len(encode_frame(RemotingCommand(10)))
    frame = encode_frame(RemotingCommand(10, body=bytes(room)))
    assert len(frame) == FRAME_MAX_LENGTH
    [command] = FrameDecoder().feed(frame)
    assert len(command.body) == room
    with pytest.raises(LocalCommandError):
        encode_frame(RemotingCommand(10, body=bytes(room + 1)))


@given(st.binary(max_size=60))
def test_garbage_raises_nothing_else(data):
    try:
        FrameDecoder().feed(data)
    except RemoteCommandError:
        return


@settings(max_examples=300)
@given(COMMANDS, st.data())
def test_damaged_frames_raise_nothing_else(command, data):
    frame = bytearray(encode_frame(command))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        FrameDecoder().feed(bytes(frame))
    except RemoteCommandError:
        return
