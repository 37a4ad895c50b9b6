"""What reading and writing frames costs: the largest single part of a message's way.

    python benchmarks/codec.py [--rounds 40]

Prints the best of the rounds, in microseconds of CPU per frame.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from minimq.protocol.frame_decoder import FrameDecoder, encode_frame
from minimq.protocol.message_codec import decode_messages, encode_record
from minimq.protocol.remoting_command import RESPONSE_FLAG, RemotingCommand
from minimq.protocol.request_code import RequestCode

BODY = bytes(1024)
FRAMES = 32
UNIQ_KEY = "7F0000012A3B18B4AAC20D2F7E1C0000"


def send_request() -> RemotingCommand:
    values = ["shop", "orders", "TBW102", "4", "1", "0", "1700000000000", "0",
              f"WAIT\x01true\x02UNIQ_KEY\x01{UNIQ_KEY}", "0", "false"]  # fmt: skip
    ext = dict(zip("abcdefghijk", values, strict=True)) | {"m": "false", "n": "broker-a"}
    return RemotingCommand(int(RequestCode.SEND_MESSAGE_V2), 7, 0, ext, BODY)


def send_answer() -> RemotingCommand:
    ext = {"MSG_REGION": "DefaultRegion", "TRACE_ON": "true", "msgId": UNIQ_KEY,
           "queueId": "1", "queueOffset": "12345"}  # fmt: skip
    return RemotingCommand(0, 7, RESPONSE_FLAG, ext)


def record() -> bytes:
    properties = f"UNIQ_KEY\x01{UNIQ_KEY}\x02CLUSTER\x01DefaultCluster".encode()
    return encode_record(
        "orders", BODY, properties, queue_id=1, queue_offset=5, physical_offset=0, sys_flag=0,
        flag=0, born_timestamp=1, born_host=bytes(8), store_timestamp=2, store_host=bytes(8),
    )  # fmt: skip


def best(rounds: int, act: Callable[[], object]) -> float:
    """Of CPU time, so that a busy machine disturbs less."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(20):
            act()
        found.append(time.process_time() - began)
    return min(found) / 20 / FRAMES * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    for name, command in (("send request", send_request()), ("its answer", send_answer())):
        frames = encode_frame(command) * FRAMES
        writing = best(rounds, lambda made=command: [encode_frame(made) for _ in range(FRAMES)])
        reading = best(rounds, lambda data=frames: FrameDecoder().feed(data))
        print(f"{name:14s} write {writing:5.2f}  read {reading:5.2f}")
    pulled = record() * FRAMES
    print(f"{'pulled message':14s} read {best(rounds, lambda: decode_messages(pulled)):5.2f}")


if __name__ == "__main__":
    main()
