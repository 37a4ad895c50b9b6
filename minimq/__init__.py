"""minimq: Apache RocketMQ's name server, broker, producer and consumers in readable Python."""
