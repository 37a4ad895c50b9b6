"""One run with everything in it, told as a digest: the same in every process, or it is a bug."""

from __future__ import annotations

import hashlib
import json
import sys

from minimq.cluster import SimCluster


def listener(messages, context):
    print("got", messages[0].keys)
    context.report(messages[0].queue_offset)
    if messages[0].queue_offset % 7 == 3:
        raise ValueError("every seventh")
    from minimq.aio import ConsumeConcurrentlyStatus

    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS


def digest(seed: int) -> str:
    cluster = SimCluster(seed, brokers=2)
    cluster.listening(True)
    cluster.create_topic("orders", queues=4)
    cluster.add_producer("orders", rate=5)
    first = cluster.add_consumer("orders", group="billing", listener=listener)
    second = cluster.add_consumer("orders", group="billing", work_millis=20)
    cluster.send("orders", "by hand", keys="H")
    cluster.run_for(30)
    cluster.kill("broker-a")
    cluster.run_for(10)
    cluster.restart("broker-a")
    cluster.pause(first)
    cluster.run_for(10)
    cluster.resume(first)
    cluster.cut(second, "broker-b", direction="in")
    cluster.pace = 10
    cluster.run_for(5)
    cluster.heal()
    cluster.terminate(second)
    cluster.run_for(10)
    text = json.dumps([list(event) for event in cluster.events])
    reports = json.dumps(cluster.reports(first))
    cluster.close()
    return f"{len(text)} {hashlib.sha256((text + reports).encode()).hexdigest()}"


if __name__ == "__main__":
    print(digest(int(sys.argv[1])))
