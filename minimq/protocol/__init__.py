"""Commands, headers, bodies and stored messages as bytes: RocketMQ 4.9 on the wire."""
