"""The worker: takes new orders one by one and sends the goods."""
import signal
import sys

import redis

from store import connect

store = connect()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("waiting for orders", flush=True)
while True:
    try:
        got = store.blpop("new-orders", timeout=5)
    except redis.RedisError as error:
        sys.exit("the store does not answer: %s" % error)
    if not got:
        continue
    number = got[1]
    product = store.hget("orders", number).split(": ", 1)[1]
    store.hset("orders", number, "sent: " + product)
    print("order", number, "sent:", product, flush=True)
