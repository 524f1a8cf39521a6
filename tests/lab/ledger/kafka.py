# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A broker that speaks Kafka's protocol on the loopback address: the mock cluster that librdkafka brings, in memory only.

Prints its address. Then every line of the input is an order: ``down`` (it takes no connection), ``up``, ``send <topic> <text>`` (a
message, as one of the hub's other services sends it). Ends with its input.
"""

from __future__ import annotations

import ctypes
import sys

TOPICS = (
    "topic-admin-transfer",
    "topic-notification-event",
    *(f"topic-transfer-{name}" for name in ("prepare", "position", "position-batch", "fulfil", "get")),
    *(f"topic-bulk-{name}" for name in ("prepare", "processing", "fulfil", "get")),
)
BROKER = 1
ANY_PARTITION, COPY = -1, 2
PATIENCE = 10_000
"""Milliseconds until a message is given up."""


def main() -> None:
    """Serve until the input ends."""
    library = ctypes.CDLL("librdkafka.so.1")
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new", "rd_kafka_topic_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(_producer(library, b""), 1))
    for topic in TOPICS:
        library.rd_kafka_mock_topic_create(cluster, topic.encode(), 1, 1)
    address = library.rd_kafka_mock_cluster_bootstraps(cluster)
    producer = _producer(library, address)
    _say(address.decode())
    for line in sys.stdin:
        order, _, value = line.strip().partition(" ")
        if order == "send":
            _send(library, producer, *value.split(" ", 1))
        else:
            getattr(library, f"rd_kafka_mock_broker_set_{order}")(cluster, BROKER)
        _say("done")


def _producer(library: ctypes.CDLL, brokers: bytes) -> ctypes.c_void_p:
    message = ctypes.create_string_buffer(512)
    configuration = ctypes.c_void_p(library.rd_kafka_conf_new())
    if brokers:
        library.rd_kafka_conf_set(configuration, b"bootstrap.servers", brokers, message, len(message))
    return ctypes.c_void_p(library.rd_kafka_new(0, configuration, message, len(message)))


def _send(library: ctypes.CDLL, producer: ctypes.c_void_p, topic: str, text: str) -> None:
    content = text.encode()
    place = ctypes.c_void_p(library.rd_kafka_topic_new(producer, topic.encode(), None))
    library.rd_kafka_produce(place, ANY_PARTITION, COPY, content, ctypes.c_size_t(len(content)), None, ctypes.c_size_t(0), None)
    library.rd_kafka_flush(producer, PATIENCE)
    library.rd_kafka_topic_destroy(place)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
