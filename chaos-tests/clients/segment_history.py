"""Sends a shop's history with the official Segment library for Python.

Usage: segment_history.py HOST WRITE_KEY CSV
The CSV has the columns customer, date, quantity, amount.
"""

import csv
import datetime
import sys

from segment.analytics.client import Client


def main() -> int:
    host, write_key, path = sys.argv[1:]
    failures = []
    client = Client(
        write_key,
        host=host,
        gzip=True,
        max_queue_size=100_000,
        upload_size=100,
        on_error=lambda error, items: failures.append((error, len(items))),
    )
    seen = set()
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            customer = row["customer"]
            day = datetime.datetime.fromisoformat(row["date"]).replace(tzinfo=datetime.timezone.utc)
            if customer not in seen:
                seen.add(customer)
                client.page(user_id=None, anonymous_id=f"anon-{customer}", name="Home", timestamp=day)
                client.identify(
                    customer,
                    traits={"email": f"{customer}@example.org", "plan": "free"},
                    anonymous_id=f"anon-{customer}",
                    timestamp=day,
                )
            client.track(
                customer,
                "Order Completed",
                {"revenue": float(row["amount"]), "quantity": int(row["quantity"]), "currency": "EUR"},
                timestamp=day,
            )
    client.flush()
    client.join()
    for error, count in failures:
        print(f"{count} messages failed: {error}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
