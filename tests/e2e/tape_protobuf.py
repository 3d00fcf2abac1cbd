"""Just enough of protobuf for tapes: what object a message is, its uid and resourceVersion, and new ones
in their place. Numbers: runtime.Unknown, TypeMeta, ObjectMeta of apimachinery 0.36."""

MAGIC = b"k8s\0"
TYPE, RAW = 1, 2                  # of the envelope
META = 1                          # of every object
NAME, UID, VERSION = 1, 5, 6      # of ObjectMeta
ITEMS = 2                         # of every list


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def packed(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def fields(data):
    """(number, wire type, value) of each field; a value that is no length-delimited one stays as it came."""
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        start = at
        if key & 7 == 2:
            size, at = varint(data, at)
            if at + size > end:
                raise ValueError("cut off")
            yield key >> 3, 2, data[at:at + size]
            at += size
            continue
        if key & 7 == 0:
            _, at = varint(data, at)
        elif key & 7 in (1, 5):
            at += 8 if key & 7 == 1 else 4
        else:
            raise ValueError("no message")
        yield key >> 3, key & 7, data[start:at]


def first(data, number):
    return next((v for n, w, v in fields(data) if n == number and w == 2), b"")


def replaced(data, new):
    """`data` with the texts of `new` (by number) where it has such fields with something in them."""
    out = b""
    for number, wire, value in fields(data):
        if wire == 2:
            value = new.get(number, value) if value else value
            value = packed(len(value)) + value
        out += packed(number << 3 | wire) + value
    return out


def kind_of(body):
    return first(first(body[len(MAGIC):], TYPE), 2).decode()


def objects(body):
    """Kind, name, uid and resourceVersion of an object, or of those in a list."""
    kind, raw = kind_of(body), first(body[len(MAGIC):], RAW)
    is_list = kind.endswith("List")
    for one in [v for n, w, v in fields(raw) if n == ITEMS and w == 2] if is_list else [raw]:
        meta = first(one, META)
        yield (kind[:-4] if is_list else kind,) + tuple(
            first(meta, n).decode() for n in (NAME, UID, VERSION))


def with_values(body, values):
    """A body that was sent, with the uid and the resourceVersion of now; values: "uid:Kind/name" → text."""
    kind = kind_of(body)
    if kind in ("DeleteOptions", ""):
        return body
    envelope = body[len(MAGIC):]
    raw = first(envelope, RAW)
    meta = first(raw, META)
    key = "%s/%s" % (kind, first(meta, NAME).decode())
    new = {n: values[w + key].encode() for n, w in ((UID, "uid:"), (VERSION, "rv:"))
           if w + key in values}
    return MAGIC + replaced(envelope, {RAW: replaced(raw, {META: replaced(meta, new)})})
