#!/usr/bin/python3
"""The objects that every cluster has, as constant JSON (system_objects.h), from apiserver/system/*.yaml.

    system_objects.py OUT.c FILE.yaml…

The YAML files say what their short forms mean.
"""

import json
import sys

import yaml

RBAC = 'rbac.authorization.k8s.io'
FLOW = 'flowcontrol.apiserver.k8s.io/v1'
REGISTRATION = 'apiregistration.k8s.io/v1'
VERBS = {
    'READ': 'get list watch',
    'WRITE': 'create delete deletecollection patch update',
    'ALL': 'create delete deletecollection get list patch update watch',
    'RECORD': 'create patch update',
}


def words(text):
    return ['' if word == 'core' else word for word in VERBS.get(text, text).split()]


def made(version, kind, name, **members):
    """`name` may be NAMESPACE/NAME."""
    ns, slash, rest = name.partition('/')
    meta = {'name': rest, 'namespace': ns} if slash else {'name': name}
    return {'apiVersion': version, 'kind': kind, 'metadata': meta, **members}


# ---- roles ----

def rule(row):
    if row[1] == 'urls':
        return {'verbs': words(row[0]), 'nonResourceURLs': words(row[2])}
    out = {'verbs': words(row[0]), 'apiGroups': words(row[1]), 'resources': words(row[2])}
    if len(row) > 3:
        out['resourceNames'] = words(row[3])
    return out


def subject(text):
    if text.startswith('s:'):
        ns, _, name = text[2:].partition('/')
        return {'kind': 'ServiceAccount', 'name': name, 'namespace': ns}
    kind = {'g': 'Group', 'u': 'User'}[text[0]]
    return {'kind': kind, 'apiGroup': RBAC, 'name': text[2:]}


def rbac(kind, name, **members):
    out = made(RBAC + '/v1', kind, name, **members)
    out['metadata']['labels'] = {'kubernetes.io/bootstrapping': 'rbac-defaults'}
    out['metadata']['annotations'] = {'rbac.authorization.kubernetes.io/autoupdate': 'true'}
    return out


def role(kind, name, rows, aggregate):
    out = rbac(kind, name)
    how = aggregate.get(name, {})
    label = RBAC + '/aggregate-to-%s'
    if 'label' in how:
        out['metadata']['labels'][label % how['label']] = 'true'
    if 'gathers' in how:
        out['aggregationRule'] = {
            'clusterRoleSelectors': [{'matchLabels': {label % how['gathers']: 'true'}}]}
    else:
        out['rules'] = [rule(row) for row in rows]
    return out


def binding(kind, name, text):
    """SUBJECT…, or KIND/ROLE SUBJECT… """
    subjects = text.split()
    of = ['ClusterRole', name]
    if subjects and subjects[0].startswith('Role/'):
        of = subjects.pop(0).split('/', 1)
    return rbac(kind, name, roleRef={'apiGroup': RBAC, 'kind': of[0], 'name': of[1]},
                subjects=[subject(s) for s in subjects])


def roles(doc):
    aggregate = doc.get('AGGREGATE') or {}
    for kind in ('ClusterRole', 'Role'):
        for name, rows in (doc.get(kind) or {}).items():
            yield role(kind, name, rows, aggregate)
    for name, rows in (doc.get('controllers') or {}).items():
        yield role('ClusterRole', 'system:controller:' + name, rows, {})
    for kind in ('ClusterRoleBinding', 'RoleBinding'):
        for name, text in (doc.get(kind) or {}).items():
            yield binding(kind, name, text)
    for name in doc.get('controllers') or {}:
        yield binding('ClusterRoleBinding', 'system:controller:' + name, 's:kube-system/' + name)


# ---- priority and fairness ----

def kept(kind, name, spec):
    out = made(FLOW, kind, name, spec=spec)
    out['metadata']['annotations'] = {'apf.kubernetes.io/autoupdate-spec': 'true'}
    return out


def level(name, row):
    if not row:
        return kept('PriorityLevelConfiguration', name, {
            'type': 'Exempt', 'exempt': {'nominalConcurrencyShares': 0, 'lendablePercent': 0}})
    response = {'type': 'Reject'}
    if len(row) > 2:
        response = {'type': 'Queue', 'queuing': dict(
            zip(('queues', 'handSize', 'queueLengthLimit'), row[2:]))}
    return kept('PriorityLevelConfiguration', name, {'type': 'Limited', 'limited': {
        'nominalConcurrencyShares': row[0], 'limitResponse': response, 'lendablePercent': row[1]}})


def flow_subject(text):
    out = subject(text)
    form = out['kind'][0].lower() + out['kind'][1:]
    inner = {k: out[k] for k in ('namespace', 'name') if k in out}
    return {'kind': out['kind'], form: inner}


def flow_rules(name, of, rows):
    out = {'subjects': [flow_subject(s) for s in of.split()]}
    for row in rows:
        if row[1] == 'urls':
            out.setdefault('nonResourceRules', []).append(
                {'verbs': words(row[0]), 'nonResourceURLs': words(row[2])})
            continue
        one = {'verbs': words(row[0]), 'apiGroups': words(row[1]), 'resources': words(row[2])}
        if 'cluster' in row[3].split():
            one['clusterScope'] = True
        if 'namespaces' in row[3].split():
            one['namespaces'] = ['*']
        out.setdefault('resourceRules', []).append(one)
    return [out]


EVERYTHING = [['*', '*', '*', 'namespaces cluster'], ['*', 'urls', '*']]


def flow(name, doc):
    of, precedence, by, subjects = doc['of']
    rows = EVERYTHING if doc['rules'] == 'EVERYTHING' else doc['rules']
    spec = {'priorityLevelConfiguration': {'name': of}, 'matchingPrecedence': precedence,
            'rules': flow_rules(name, subjects, rows)}
    if by != '-':
        spec['distinguisherMethod'] = {'type': 'By' + by}
    return kept('FlowSchema', name, spec)


# ---- the rest ----

def service(name, priorities):
    version, _, group = name.partition('.')
    out = made(REGISTRATION, 'APIService', name, spec={
        'group': group, 'version': version, 'groupPriorityMinimum': priorities[0],
        'versionPriority': priorities[1]})
    out['metadata']['labels'] = {'kube-aggregator.kubernetes.io/automanaged': 'onstart'}
    return out


def everything(doc):
    yield from doc.get('objects') or []
    yield from roles(doc)
    for name, row in (doc.get('levels') or {}).items():
        yield level(name, row)
    for name, row in (doc.get('flows') or {}).items():
        yield flow(name, row)
    for name, row in (doc.get('services') or {}).items():
        yield service(name, row)


def literal(value):
    return '"%s"' % str(value).replace('\\', '\\\\').replace('"', '\\"')


def main():
    rows = []
    for path in sys.argv[2:]:
        with open(path, encoding='utf-8') as file:
            rows += everything(yaml.safe_load(file))
    out = ['/* Made by apiserver/system_objects.py. */', '#include "apiserver/system_objects.h"', '',
           'const struct system_object system_objects[] = {']
    for o in rows:
        group, _, version = o['apiVersion'].rpartition('/')
        meta = o['metadata']
        out.append('\t{ %s },' % ', '.join(literal(v) for v in (
            group, version, o['kind'], meta.get('namespace', ''), meta['name'],
            json.dumps(o, separators=(',', ':')))))
    out += ['};', 'const size_t system_objects_count = %d;' % len(rows)]
    with open(sys.argv[1], 'w', encoding='utf-8') as file:
        file.write('\n'.join(out) + '\n')


if __name__ == '__main__':
    main()
