"""Measure this machine's minimq beside raw loopback and other brokers, in one run: one table."""

from minimq.bench.command import main

__all__ = ["main"]
