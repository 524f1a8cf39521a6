# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A broker that speaks Kafka's protocol on the loopback address: the mock cluster that librdkafka brings, in memory only.

Prints its address. Then every line of the input is an order: ``down`` (it takes no connection), ``up``, ``slow <ms>`` (each answer
waits). Ends with its input.
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


def main() -> None:
    """Serve until the input ends."""
    library = ctypes.CDLL("librdkafka.so.1")
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    message = ctypes.create_string_buffer(512)
    client = library.rd_kafka_new(0, ctypes.c_void_p(library.rd_kafka_conf_new()), message, len(message))
    cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1))
    for topic in TOPICS:
        library.rd_kafka_mock_topic_create(cluster, topic.encode(), 1, 1)
    sys.stdout.write(library.rd_kafka_mock_cluster_bootstraps(cluster).decode() + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order, _, value = line.strip().partition(" ")
        if order == "slow":
            library.rd_kafka_mock_broker_set_rtt(cluster, BROKER, int(value))
        else:
            getattr(library, f"rd_kafka_mock_broker_set_{order}")(cluster, BROKER)
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
