#!/usr/bin/python3
"""Constant C tables (schema.h) from schemas/*.yaml.

    generate.py OUT.c FILE.yaml…
"""

import sys

import yaml

FORMS = ('string', 'int32', 'int64', 'bool', 'double', 'bytes', 'time', 'micro_time', 'duration',
         'quantity', 'int_or_string', 'any', 'fields_v1', 'string_list')
# A JSON schema, or something short in its place.
UNIONS = ('schema_or_list', 'schema_or_bool', 'schema_or_strings')
JSON_SCHEMA = 'apiextensions.v1.JSONSchemaProps'
VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']


def text(value):
    """A C string literal, or NULL."""
    if value is None:
        return 'NULL'
    out = ''
    for byte in str(value).encode():
        c = chr(byte)
        out += '\\' + c if c in '"\\' else c if 32 <= byte < 127 else '\\%03o' % byte
    return '"%s"' % out.replace('??', '?\\?')


def json_text(value):
    import json
    return text(json.dumps(value))


class Tables:
    def __init__(self):
        self.out = []
        self.lists = {}

    def strings(self, values):
        """The name of a NULL-terminated constant array, or NULL."""
        if not values:
            return 'NULL'
        key = tuple(str(v) for v in values)
        if key not in self.lists:
            self.lists[key] = 'texts_%d' % len(self.lists)
            self.out.append('static const char *const %s[] = { %s, NULL };' % (
                self.lists[key], ', '.join(text(v) for v in key)))
        return self.lists[key]


def flatten(types, name):
    """Fields with embedded structs taken apart; (field, numbers of the embedding fields)."""
    out = []
    for field in types[name]['fields']:
        if 'inline' not in field:
            out.append((field, 0))
            continue
        outer = field.get('proto', 0)
        for inner, deeper in flatten(types, field['inline']):
            if deeper > 0xff:
                sys.exit('%s: structs embedded three times' % name)
            if not outer:
                inner = dict(inner, proto=0)
            inside = [field['inline'].rsplit('.', 1)[1]] + inner.get('embedded', [])
            inner = dict(inner, embedded=inside)
            out.append((inner, outer << 8 | deeper if deeper else outer))
    first = {'apiVersion': 0, 'kind': 1, 'metadata': 2}
    return sorted(out, key=lambda f: first.get(f[0]['name'], 3)
                  if out[0][0]['name'] in first else 3)


def field_text(tables, numbers, field, outer):
    form, shape = field['type'], 'SCHEMA_ONE'
    for prefix, name in (('list<', 'SCHEMA_LIST'), ('map<', 'SCHEMA_MAP')):
        if form.startswith(prefix):
            form, shape = form[len(prefix):-1], name
    parts = ['.name = %s' % text(field['name'])]
    if form in FORMS:
        parts.append('.form = SCHEMA_%s' % form.upper())
    elif form in UNIONS:
        parts.append('.form = SCHEMA_%s' % form.upper())
        parts.append('.type = &types[%d]' % numbers[JSON_SCHEMA])
    else:
        parts.append('.form = SCHEMA_OBJECT')
        parts.append('.type = &types[%d]' % numbers[form])
    parts.append('.shape = %s' % shape)
    if field.get('proto'):
        parts.append('.proto = %d' % field['proto'])
    if outer:
        parts.append('.proto_outer = %d' % outer)
    for key, name in (('required', 'is_required'), ('always', 'is_always_written'),
                      ('pointer', 'keeps_empty'), ('immutable', 'is_immutable')):
        if field.get(key):
            parts.append('.%s = true' % name)
    for key in ('min', 'max'):
        if key in field:
            parts.append('.has_%s = true, .%s = %d' % (key, key, field[key]))
    if 'default' in field:
        parts.append('.default_json = %s' % json_text(field['default']))
    if field.get('enum'):
        parts.append('.enum_values = %s' % tables.strings(field['enum']))
    if field.get('enum_order') == 'given':
        parts.append('.shows_enum_as_given = true')
    for word in (field.get('patch') or '').split(','):
        if word:
            parts.append('.patch_%s = true' % {'retainKeys': 'retain_keys'}.get(word, word))
    if field.get('merge_key'):
        parts.append('.patch_merge_key = %s' % text(field['merge_key']))
    kind = {'set': 'SET', 'map': 'MAP'}.get(field.get('list_type'))
    if kind:
        parts.append('.list_type = SCHEMA_LIST_%s' % kind)
    if field.get('list_type') == 'atomic-map':
        parts.append('.is_atomic_map = true')
    if field.get('map_keys'):
        parts.append('.list_map_keys = %s' % tables.strings(field['map_keys']))
    if field.get('gate'):
        parts.append('.gate = %s' % text(field['gate']))
    if field.get('embedded'):
        parts.append('.embedded = %s' % text('.'.join(field['embedded'])))
    if field.get('description'):
        parts.append('.description = %s' % text(field['description']))
    return '\t{ %s },' % ', '.join(parts)


def usual_words(types, name):
    """What a type is, where its name alone says it."""
    short = name.rsplit('.', 1)[1]
    for suffix, words in (('List', 'Objects of kind'), ('Spec', 'What is wanted of'),
                          ('Status', 'What is known of'),
                          ('Condition', 'One thing that is known about')):
        if short.endswith(suffix) and name[:-len(suffix)] in types:
            article = '' if suffix == 'List' else ' an' if short[0] in 'AEIO' else ' a'
            return '%s%s %s.' % (words, article, short[:-len(suffix)])
    return ''


def describe(types, words, type_words):
    """Descriptions from the dictionary, for what has none of its own."""
    for name, entry in types.items():
        entry['description'] = (entry.get('description') or type_words.get(name) or
                                usual_words(types, name))
        for field in entry['fields']:
            word = words.get('%s.%s' % (name, field.get('name')), words.get(field.get('name')))
            if word and not field.get('description'):
                field['description'] = word


def below(field):
    """The type that a field's value, or its elements, are of."""
    name = field.get('inline') or field['type']
    return name[name.index('<') + 1:-1] if '<' in name else name


def gated_types(types):
    """Those in which something stands behind a gate, however deep."""
    found, before = set(), -1
    while len(found) != before:
        before = len(found)
        found |= {name for name, entry in types.items()
                  if any(f.get('gate') or below(f) in found for f in entry['fields'])}
    return found


def write_types(tables, types):
    names = sorted(types)
    numbers = {name: i for i, name in enumerate(names)}
    tables.out.append('static const struct schema_type types[%d];' % len(names))
    rows, gated = [], gated_types(types)
    for i, name in enumerate(names):
        flat = flatten(types, name)
        lines = [field_text(tables, numbers, f, outer) for f, outer in flat]
        by_name = sorted(range(len(flat)), key=lambda n: flat[n][0]['name'])
        if lines:
            tables.out.append('static const struct schema_field fields_%d[] = {' % i)
            tables.out += lines + ['};']
            tables.out.append('static const uint16_t by_name_%d[] = { %s };' % (
                i, ', '.join(str(n) for n in by_name)))
        rows.append('\t{ %s, %s, %d, %s, %s, %s, false, NULL, %s },' % (
            text(name), 'fields_%d' % i if lines else 'NULL', len(lines),
            'by_name_%d' % i if lines else 'NULL', text(types[name].get('description') or ''),
            'true' if types[name].get('atomic') else 'false',
            'true' if name in gated else 'false'))
    tables.out.append('static const struct schema_type types[%d] = {' % len(names))
    tables.out += rows + ['};']
    return numbers


def storage_text(kind, places):
    if 'stored_as' not in kind:
        return 'NULL'
    group, version = kind['stored_as']
    return '&kinds[%d]' % places[(group, version, kind['kind'])]


def kind_text(tables, numbers, at, doc, kind, places):
    columns = []
    for c in kind['columns']:
        columns.append('\t{ %s, %s, %s, %s, %d },' % (
            text(c['name']), text(c.get('format', '')), text(c.get('description', '')),
            text(c['type']), c.get('priority', 0)))
    tables.out.append('static const struct schema_column columns_%d[] = {' % at)
    tables.out += columns + ['};']
    parts = [
        '.group = %s' % text(doc['group']), '.version = %s' % text(doc['version']),
        '.kind = %s' % text(kind['kind']), '.list_kind = %s' % text(kind['kind'] + 'List'),
        '.resource = %s' % text(kind['resource']),
        '.singular = %s' % text(kind.get('singular', kind['kind'].lower())),
        '.short_names = %s' % tables.strings(kind.get('short')),
        '.categories = %s' % tables.strings(kind.get('categories')),
        '.verbs = %s' % tables.strings(kind.get('verbs', VERBS)),
        '.type = &types[%d]' % numbers[kind['type']],
        '.storage = %s' % storage_text(kind, places),
        '.subresources = %s' % tables.strings(kind.get('subresources')),
        '.field_labels = %s' % tables.strings(kind.get('field_labels')),
        '.columns = columns_%d' % at, '.columns_count = %d' % len(columns),
    ]
    if kind.get('deprecation'):
        parts.append('.deprecation = %s' % text(kind['deprecation']))
    for key, name in (('namespaced', 'is_namespaced'), ('status', 'has_status'),
                      ('scale', 'has_scale'), ('creates_on_update', 'creates_on_update'),
                      ('needs_version_on_update', 'needs_version_on_update'),
                      ('returns_object_on_delete', 'returns_object_on_delete'),
                      ('generation', 'has_generation')):
        if kind.get(key):
            parts.append('.%s = true' % name)
    return '\t{ %s },' % ', '.join(parts)


def main():
    tables, types, kinds, words, type_words = Tables(), {}, [], {}, {}
    for path in sys.argv[2:]:
        with open(path, encoding='utf-8') as file:
            doc = yaml.load(file, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
        types.update(doc.get('types') or {})
        words.update(doc.get('words') or {})
        type_words.update(doc.get('types_words') or {})
        kinds += [(doc['group'], doc['version'], k['resource'], doc, k)
                  for k in doc.get('kinds') or []]
    tables.out += ['/* Made by schemas/generate.py. */', '#include "schemas/tables.h"', '']
    describe(types, words, type_words)
    numbers = write_types(tables, types)
    # The newest version of a group comes first: clients take it as the preferred one.
    kinds.sort(key=lambda k: (k[0], -int(k[1].lstrip('v')), k[2]))
    places = {(k[0], k[1], k[4]['kind']): i for i, k in enumerate(kinds)}
    tables.out.append('static const struct schema_kind kinds[%d];' % len(kinds))
    rows = [kind_text(tables, numbers, i, k[3], k[4], places) for i, k in enumerate(kinds)]
    tables.out.append('static const struct schema_kind kinds[%d] = {' % len(rows))
    tables.out += rows + ['};']
    tables.out.append('const struct schema_tables schema_tables = { types, %d, kinds, %d };' % (
        len(types), len(rows)))
    with open(sys.argv[1], 'w', encoding='utf-8') as out:
        out.write('\n'.join(tables.out) + '\n')


if __name__ == '__main__':
    main()
