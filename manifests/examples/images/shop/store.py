"""The shop's data: products are a hash, orders a hash, new orders a list that workers take from."""
import os

import redis


def connect():
    return redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), socket_timeout=30,
                       decode_responses=True)
