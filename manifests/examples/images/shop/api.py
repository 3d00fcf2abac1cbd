"""The API: lists products, takes orders, tells how an order stands."""
import os
import signal
import sys

from flask import Flask, jsonify, request

from store import connect

app = Flask(__name__)
store = connect()

# Without the migration's data every answer would be wrong: better not to start.
if store.get("schema") != "1":
    raise SystemExit("the store has no schema 1: has the migration run?")


@app.get("/products")
def products():
    return jsonify({name: int(price) for name, price in store.hgetall("products").items()})


@app.post("/orders")
def take_order():
    product = (request.get_json(silent=True) or {}).get("product", "")
    if not store.hexists("products", product):
        return jsonify(error="no such product"), 404
    number = store.incr("order-number")
    store.hset("orders", number, "taken: " + product)
    store.rpush("new-orders", number)
    return jsonify(order=number, by=os.environ.get("HOSTNAME")), 201


@app.get("/orders/<int:number>")
def order(number):
    state = store.hget("orders", number)
    return jsonify(order=number, state=state) if state else (jsonify(error="no such order"), 404)


@app.get("/healthz")
def healthz():
    store.ping()
    return "ok\n"


# As the first process of its container it would not hear SIGTERM otherwise.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
app.run(host="0.0.0.0", port=8080)
