"""Was that history of reads and writes one of a single register? A value is written once at most.

Gibbons and Korach, "Testing shared memories": look at the first end and the last begin of whatever
wrote or read a value. Where the end is earlier, the value is surely there in between: no other
value may surely be there meanwhile. Where it is not, the time between must not lie within such a
sure one.
"""
import collections

INFINITE = float("inf")

# value: what was written or read (None: nothing was there yet); end: INFINITE where no answer
# came, so that a write may have happened at any time since, or never.
Op = collections.namedtuple("Op", "begin end is_write value")


def problem_of(ops, first=None):
    """None: the history is linearizable. Else what is wrong. `first`: the value from the start."""
    writes = {first: Op(-INFINITE, -INFINITE, True, first)}
    for op in ops:
        if op.is_write:
            if op.value in writes:
                return "%r is written twice" % (op.value,)
            writes[op.value] = op
    clusters = {value: [op] for value, op in writes.items()}
    for op in ops:
        if op.is_write or op.end == INFINITE:
            continue
        if op.value not in writes:
            return "%r is read, which nobody wrote" % (op.value,)
        if op.end < writes[op.value].begin:
            return "%r is read before it is written" % (op.value,)
        clusters[op.value].append(op)
    zones = []
    for value, cluster in clusters.items():
        ends, begins = min(o.end for o in cluster), max(o.begin for o in cluster)
        if ends == INFINITE:
            continue # a write without an answer that nobody saw
        zones.append((min(ends, begins), max(ends, begins), ends < begins, value))
    return overlap_of(sorted(zones, key=lambda z: z[:2]))


def overlap_of(zones):
    sure = None # the sure zone that ends last
    for zone in zones:
        low, high, is_sure, value = zone
        if sure and (low < sure[1] if is_sure else high < sure[1] and low > sure[0]):
            return "%r is there in the midst of %r" % (value, sure[3])
        if is_sure and (not sure or high > sure[1]):
            sure = zone
    return None


def write(begin, end, value):
    return Op(begin, end, True, value)


def read(begin, end, value):
    return Op(begin, end, False, value)


# Histories, and a part of what is wrong with them (None: nothing).
SELF_TEST = (
    ("nothing", [], None),
    ("one after the other",
     [write(0, 1, "a"), read(2, 3, "a"), write(4, 5, "b"), read(6, 7, "b")],
     None),
    ("at one time either is read", [write(0, 9, "a"), read(1, 2, None), read(3, 4, "a")], None),
    ("a stale read", [write(0, 1, "a"), write(2, 3, "b"), read(4, 5, "a")], "in the midst"),
    ("the start is read too late", [write(0, 1, "a"), read(2, 3, None)], "in the midst"),
    ("there and back", [write(0, 9, "a"), read(1, 2, "a"), read(3, 4, None)], "in the midst"),
    ("two readers disagree",
     [write(0, 1, "a"), write(2, 20, "b"), read(3, 4, "b"), read(5, 6, "a")],
     "in the midst"),
    ("two writers, two orders",
     [write(0, 9, "a"), write(0, 9, "b"), read(10, 11, "a"), read(12, 13, "b")],
     "in the midst"),
    ("two writers, one order",
     [write(0, 9, "a"), write(0, 9, "b"), read(1, 2, "a"), read(10, 13, "b")],
     None),
    ("a write that was lost",
     [write(0, 1, "a"), write(2, 3, "b"), write(4, 5, "c"), read(6, 7, "b")],
     "in the midst"),
    ("one of nobody", [write(0, 1, "a"), read(2, 3, "x")], "nobody wrote"),
    ("of the future", [read(0, 1, "a"), write(2, 3, "a")], "before it is written"),
    ("no answer, and never seen",
     [write(0, 1, "a"), write(2, INFINITE, "b"), read(3, 9, "a")],
     None),
    ("no answer, and seen", [write(0, 1, "a"), write(2, INFINITE, "b"), read(3, 9, "b")], None),
    ("no answer, seen late",
     [write(0, INFINITE, "a"), write(1, 2, "b"), read(3, 4, "b"), read(5, 6, "a")],
     None),
    ("no answer, seen and gone",
     [write(0, 1, "a"), write(2, INFINITE, "b"), read(3, 4, "b"), read(5, 6, "a")],
     "in the midst"),
    ("a read without an answer says nothing", [write(0, 1, "a"), read(0, INFINITE, "zz")], None),
    ("written twice", [write(0, 1, "a"), write(2, 3, "a")], "written twice"),
)


def self_test():
    """The first history that is judged wrongly, or None."""
    for name, ops, wanted in SELF_TEST:
        got = problem_of(ops)
        if (got is None) != (wanted is None) or (wanted and wanted not in got):
            return "%s: %s, wanted %s" % (name, got, wanted)
    return None
