#!/usr/bin/env python3
"""Tables of general categories and of letters that differ by case only: unicode.py OUTPUT.c"""
import sys
import unicodedata

LAST = 0x110000


def ranges_of(codes):
    ranges = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return ranges


def categories():
    found = {}
    for code in range(LAST):
        name = unicodedata.category(chr(code))
        for key in (name, name[0]):
            found.setdefault(key, []).append(code)
        if name in ('Lu', 'Ll', 'Lt'):
            found.setdefault('LC', []).append(code)
    return {name: ranges_of(codes) for name, codes in sorted(found.items())}


def folds():
    """Pairs (code, next): each circle holds what has one simple lower-case form."""
    groups = {}
    for code in range(LAST):
        char = chr(code)
        if 0xd800 <= code < 0xe000:
            continue
        key = char
        for step in (str.lower, str.upper, str.lower):
            other = step(key)
            key = other if len(other) == 1 else key
        groups.setdefault(key, set()).update((code, ord(key)))
    pairs = []
    for group in groups.values():
        circle = sorted(group)
        if len(circle) > 1:
            pairs += zip(circle, circle[1:] + circle[:1])
    return sorted(pairs)


def main():
    out = ['/* Made by schemas/unicode.py. */', '#include "schemas/pattern_internal.h"', '']
    rows = []
    for name, ranges in categories().items():
        out.append('static const struct rune_range category_%s[] = {' % name)
        out += ['\t{ 0x%x, 0x%x },' % tuple(r) for r in ranges] + ['};']
        rows.append('\t{ "%s", category_%s, %d },' % (name, name, len(ranges)))
    out += ['static const struct unicode_category categories[] = {'] + rows + ['};']
    pairs = folds()
    out += ['static const struct unicode_fold folds[] = {']
    out += ['\t{ 0x%x, 0x%x },' % p for p in pairs] + ['};']
    out.append('const struct unicode_tables unicode_tables = { categories, %d, folds, %d };' % (
        len(rows), len(pairs)))
    with open(sys.argv[1], 'w', encoding='utf-8') as file:
        file.write('\n'.join(out) + '\n')


if __name__ == '__main__':
    main()
