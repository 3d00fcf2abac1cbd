"""OpenAPI as protobuf, read back as the JSON that it stands for. Numbers: gnostic's openapi.v2.Document and
openapi.v3.Document."""
import json
import struct

from tape_protobuf import fields, varint


def text(value):
    return value.decode()


def flag(value):
    return bool(varint(value, 0)[0])


def count(value):
    number = varint(value, 0)[0]
    return number - (1 << 64) if number >> 63 else number


def number(value):
    return struct.unpack("<d", value)[0]


def anything(value):
    """The YAML of it, which is JSON as we write it."""
    return json.loads(message(value, {2: ("yaml", text)})["yaml"])


def several(read):
    return ("several", read)


def message(data, known):
    """Fields by number: (name, how to read it); an empty name: what was read stands for the whole."""
    out = {}
    for n, _, value in fields(data):
        name, read = known[n]
        if isinstance(read, tuple):
            out.setdefault(name, []).append(read[1](value))
        elif name == "":
            return read(value)
        elif name == "*":
            key, inside = read(value)
            out[key] = inside
        else:
            out[name] = read(value)
    return out


def named(read):
    """One member of a map."""
    def pair(data):
        got = message(data, {1: ("name", text), 2: ("value", read)})
        return got.get("name", ""), got.get("value", {})
    return ("*", pair)


def mapped(read, number_of_member=1):
    return lambda data: message(data, {number_of_member: named(read)})


def schema(data):
    return message(data, {
        1: ("$ref", text), 2: ("format", text), 3: ("title", text), 4: ("description", text),
        5: ("default", anything), 6: ("multipleOf", number), 7: ("maximum", number),
        8: ("exclusiveMaximum", flag), 9: ("minimum", number), 10: ("exclusiveMinimum", flag),
        11: ("maxLength", count), 12: ("minLength", count), 13: ("pattern", text),
        14: ("maxItems", count), 15: ("minItems", count), 16: ("uniqueItems", flag),
        17: ("maxProperties", count), 18: ("minProperties", count),
        19: ("required", several(text)), 20: ("enum", several(anything)),
        21: ("additionalProperties", lambda d: message(d, {1: ("", schema), 2: ("", flag)})),
        22: ("type", lambda d: message(d, {1: ("", text)})),
        23: ("items", lambda d: message(d, {1: ("", schema)})),
        25: ("properties", mapped(schema)), 29: ("externalDocs", external),
        30: ("example", anything), 31: named(anything)})


def external(data):
    return message(data, {1: ("description", text), 2: ("url", text)})


def reference(data):
    return message(data, {1: ("$ref", text)})


def parameter(data):
    body = lambda d: message(d, {1: ("description", text), 2: ("name", text), 3: ("in", text),
                                 4: ("required", flag), 5: ("schema", schema)})
    common = {1: ("required", flag), 2: ("in", text), 3: ("description", text), 4: ("name", text)}
    query = lambda d: message(d, {**common, 6: ("type", text), 20: ("uniqueItems", flag)})
    path = lambda d: message(d, {**common, 5: ("type", text), 19: ("uniqueItems", flag)})
    other = lambda d: message(d, {3: ("", query), 4: ("", path)})
    return message(data, {1: ("", body), 2: ("", other)})


def parameters_item(data):
    return message(data, {1: ("", parameter), 2: ("", reference)})


def response(data):
    one = lambda d: message(d, {1: ("description", text),
                                2: ("schema", lambda s: message(s, {1: ("", schema)}))})
    return message(data, {1: ("", one)})


def operation(data):
    return message(data, {
        1: ("tags", several(text)), 3: ("description", text), 5: ("operationId", text),
        6: ("produces", several(text)), 7: ("consumes", several(text)),
        8: ("parameters", several(parameters_item)), 9: ("responses", mapped(response)),
        10: ("schemes", several(text)), 13: named(anything)})


def path_item(data):
    methods = {n: (m, operation) for n, m in enumerate(
        ("get", "put", "post", "delete", "options", "head", "patch"), 2)}
    return message(data, {**methods, 9: ("parameters", several(parameters_item))})


def security(data):
    key = lambda d: message(d, {1: ("type", text), 2: ("name", text), 3: ("in", text),
                                4: ("description", text)})
    return message(data, {2: ("", key)})


def document(data):
    texts = lambda d: message(d, {1: ("all", several(text))}).get("all", [])
    return message(data, {
        1: ("swagger", text),
        2: ("info", lambda d: message(d, {1: ("title", text), 2: ("version", text)})),
        8: ("paths", mapped(path_item, 2)), 9: ("definitions", mapped(schema)),
        10: ("parameters", mapped(parameter)), 12: ("security", several(mapped(texts))),
        13: ("securityDefinitions", mapped(security))})


# ---- version 3 ----

def either(read):
    """What may be a reference instead."""
    return lambda data: message(data, {1: ("", read), 2: ("", reference)})


def schema_v3(data):
    default = lambda d: message(d, {1: ("", number), 2: ("", flag), 3: ("", text)})
    one = either(schema_v3)
    return message(data, {
        1: ("nullable", flag), 6: ("externalDocs", external), 7: ("example", anything),
        9: ("title", text), 10: ("multipleOf", number), 11: ("maximum", number),
        12: ("exclusiveMaximum", flag), 13: ("minimum", number), 14: ("exclusiveMinimum", flag),
        15: ("maxLength", count), 16: ("minLength", count), 17: ("pattern", text),
        18: ("maxItems", count), 19: ("minItems", count), 20: ("uniqueItems", flag),
        21: ("maxProperties", count), 22: ("minProperties", count),
        23: ("required", several(text)), 24: ("enum", several(anything)), 25: ("type", text),
        26: ("allOf", several(one)), 27: ("oneOf", several(one)), 28: ("anyOf", several(one)),
        29: ("not", schema_v3), 30: ("items", lambda d: message(d, {1: ("", one)})),
        31: ("properties", mapped(one)),
        32: ("additionalProperties", lambda d: message(d, {1: ("", one), 2: ("", flag)})),
        33: ("default", default), 34: ("description", text), 35: ("format", text),
        36: named(anything)})


def operation_v3(data):
    content = mapped(lambda d: message(d, {1: ("schema", either(schema_v3))}))
    body = lambda d: message(d, {2: ("content", content), 3: ("required", flag)})
    answer = lambda d: message(d, {1: ("description", text), 3: ("content", content)})
    return message(data, {
        1: ("tags", several(text)), 3: ("description", text), 5: ("operationId", text),
        6: ("parameters", several(either(parameter_v3))), 7: ("requestBody", either(body)),
        8: ("responses", mapped(either(answer), 2)), 13: named(anything)})


def parameter_v3(data):
    return message(data, {1: ("name", text), 2: ("in", text), 3: ("description", text),
                          4: ("required", flag), 10: ("schema", either(schema_v3))})


def document_v3(data):
    path = lambda d: message(d, {
        **{n: (m, operation_v3) for n, m in enumerate(
            ("get", "put", "post", "delete", "options", "head", "patch"), 4)},
        13: ("parameters", several(either(parameter_v3)))})
    scheme = lambda d: message(d, {1: ("type", text), 2: ("description", text), 3: ("name", text),
                                   4: ("in", text)})
    components = lambda d: message(d, {1: ("schemas", mapped(either(schema_v3))),
                                       7: ("securitySchemes", mapped(either(scheme)))})
    return message(data, {
        1: ("openapi", text),
        2: ("info", lambda d: message(d, {1: ("title", text), 6: ("version", text)})),
        4: ("paths", mapped(path)), 5: ("components", components)})


def differences(a, b, at=""):
    """Places where two trees differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for name in sorted(set(a) | set(b)):
            if name not in a or name not in b:
                yield "%s|%s is in one only" % (at, name)
            else:
                yield from differences(a[name], b[name], "%s|%s" % (at, name))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from differences(x, y, "%s|%d" % (at, i))
    elif a != b:
        yield "%s: %s, %s" % (at, json.dumps(a)[:200], json.dumps(b)[:200])
