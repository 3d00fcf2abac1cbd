#!/usr/bin/python3
"""Make or refresh schemas/<group>_<version>.yaml from tables of API facts.

    schemas_from_facts.py FACTS GO_TYPES schemas

FACTS is a folder with fields.tsv, defaults.tsv, kinds.tsv and enums.tsv; GO_TYPES a Go module
cache that holds k8s.io/api and k8s.io/apimachinery (which fields are pointers, and which are
left out when empty, stands only there). What people wrote into the YAML files stays: the list of
kinds, and of each field everything but what the facts say. Types are closed over what the kinds
and `bodies` of the YAML files reach.
"""

import glob
import os
import re
import sys

import yaml

# The file of a package's types; where it is not named here, it is <package>_<version>.
GROUPS = {
    'apis.meta': '', 'admissionregistration': 'k8s.io', 'apiextensions': 'k8s.io',
    'apiregistration': 'k8s.io', 'authentication': 'k8s.io', 'authorization': 'k8s.io',
    'certificates': 'k8s.io', 'coordination': 'k8s.io', 'discovery': 'k8s.io',
    'events': 'k8s.io', 'flowcontrol': 'apiserver.k8s.io', 'networking': 'k8s.io',
    'node': 'k8s.io', 'rbac': 'authorization.k8s.io', 'resource': 'k8s.io',
    'scheduling': 'k8s.io', 'storage': 'k8s.io',
}
FORMS = {
    'string': 'string', 'int32': 'int32', 'int64': 'int64', 'bool': 'bool', 'float64': 'double',
    'bytes': 'bytes', 'any': 'any', 'apis.meta.v1.Time': 'time',
    'apis.meta.v1.MicroTime': 'micro_time', 'apis.meta.v1.Duration': 'duration',
    'api.resource.Quantity': 'quantity', 'util.intstr.IntOrString': 'int_or_string',
    'runtime.RawExtension': 'any', 'apis.meta.v1.FieldsV1': 'fields_v1',
    'apiextensions.v1.JSON': 'any', 'list<string>': 'string_list',
    'apiextensions.v1.JSONSchemaPropsOrArray': 'schema_or_list',
    'apiextensions.v1.JSONSchemaPropsOrBool': 'schema_or_bool',
    'apiextensions.v1.JSONSchemaPropsOrStringArray': 'schema_or_strings',
}
# Named strings whose values validation checks. Others are open sets.
ENUMS = {
    'core.v1.Protocol', 'core.v1.URIScheme', 'core.v1.PullPolicy', 'core.v1.RestartPolicy',
    'core.v1.DNSPolicy', 'core.v1.TerminationMessagePolicy', 'core.v1.ServiceAffinity',
    'core.v1.ServiceType', 'core.v1.ServiceInternalTrafficPolicy', 'core.v1.PreemptionPolicy',
    'core.v1.MountPropagationMode', 'core.v1.UnsatisfiableConstraintAction',
    'core.v1.NodeInclusionPolicy', 'core.v1.PodFSGroupChangePolicy', 'core.v1.HostPathType',
    'apps.v1.DeploymentStrategyType', 'batch.v1.CompletionMode', 'batch.v1.PodReplacementPolicy',
    'core.v1.IPFamily', 'core.v1.IPFamilyPolicy', 'core.v1.SeccompProfileType',
    'core.v1.ProcMountType', 'core.v1.OSName', 'core.v1.PersistentVolumeReclaimPolicy',
    'core.v1.PersistentVolumeMode', 'core.v1.SupplementalGroupsPolicy',
    'core.v1.AppArmorProfileType', 'core.v1.RecursiveReadOnlyMode',
    'apps.v1.PodManagementPolicyType', 'apps.v1.StatefulSetUpdateStrategyType',
    'apps.v1.DaemonSetUpdateStrategyType', 'apps.v1.PersistentVolumeClaimRetentionPolicyType',
    'autoscaling.v2.ScalingPolicySelect', 'autoscaling.v2.HPAScalingPolicyType',
    'autoscaling.v2.MetricTargetType', 'batch.v1.ConcurrencyPolicy',
    'admissionregistration.v1.FailurePolicyType', 'admissionregistration.v1.MatchPolicyType',
    'admissionregistration.v1.SideEffectClass', 'admissionregistration.v1.ValidationAction',
    'admissionregistration.v1.ReinvocationPolicyType', 'admissionregistration.v1.PatchType',
    'admissionregistration.v1.ParameterNotFoundActionType', 'admissionregistration.v1.ScopeType',
    'admissionregistration.v1.OperationType', 'flowcontrol.v1.FlowDistinguisherMethodType',
    'flowcontrol.v1.SubjectKind', 'flowcontrol.v1.PriorityLevelEnablement',
    'flowcontrol.v1.LimitResponseType', 'networking.v1.PolicyType',
    'policy.v1.UnhealthyPodEvictionPolicyType', 'storage.v1.VolumeBindingMode',
    'storage.v1.FSGroupPolicy', 'storage.v1.VolumeLifecycleMode',
}
# Defaults that depend on other fields, or on the kind, are written in schemas/default*.c.
CODE_DEFAULTS = {
    ('core.v1.PodSpec', 'enableServiceLinks'), ('core.v1.Container', 'imagePullPolicy'),
    ('core.v1.EphemeralContainerCommon', 'imagePullPolicy'),
    ('core.v1.ImageVolumeSource', 'pullPolicy'),
    ('core.v1.ServiceSpec', 'internalTrafficPolicy'),
    ('batch.v1.JobSpec', 'completions'), ('batch.v1.JobSpec', 'parallelism'),
    ('batch.v1.JobSpec', 'podReplacementPolicy'), ('batch.v1.JobSpec', 'backoffLimit'),
    ('batch.v1.JobSpec', 'completionMode'), ('batch.v1.JobSpec', 'manualSelector'),
    ('batch.v1.JobSpec', 'suspend'),
    ('apps.v1.DaemonSetUpdateStrategy', 'type'), ('apps.v1.StatefulSetUpdateStrategy', 'type'),
    ('apps.v1.RollingUpdateDaemonSet', 'maxSurge'),
    ('apps.v1.RollingUpdateDaemonSet', 'maxUnavailable'),
    ('apps.v1.RollingUpdateStatefulSetStrategy', 'partition'),
    ('autoscaling.v2.HPAScalingRules', 'selectPolicy'),
    ('autoscaling.v2.HPAScalingRules', 'stabilizationWindowSeconds'),
    ('networking.v1.NetworkPolicySpec', 'policyTypes'),
    ('resource.v1.DeviceSubRequest', 'count'), ('resource.v1.ExactDeviceRequest', 'count'),
    ('core.v1.PersistentVolumeSpec', 'persistentVolumeReclaimPolicy'),
    ('core.v1.PersistentVolumeSpec', 'volumeMode'),
    # The time of the write; there is no clock here.
    ('resource.v1.DeviceTaint', 'timeAdded'),
}
# Groups that the tables of facts do not run.
MORE_DEFAULTS = {
    ('apiextensions.v1.ServiceReference', 'port'): '443',
    ('apiregistration.v1.ServiceReference', 'port'): '443',
    ('resource.v1.NodeAllocatableResourceMapping', 'allocationMultiplier'): '"1"',
}
KEEP = ('description', 'min', 'max', 'immutable', 'enum')


def file_of(type_name):
    """apps.v1.Deployment → apps_v1, rbac.v1.Role → rbac.authorization.k8s.io_v1."""
    package, version, _ = type_name.rsplit('.', 2)
    suffix = GROUPS.get(package)
    package = package.replace('apis.', '')
    return '%s_%s' % (package + '.' + suffix if suffix else package, version)


def rows(path, columns):
    for line in open(path, encoding='utf-8'):
        cells = line.rstrip('\n').split('\t')
        yield (cells + [''] * columns)[:columns]


def read_fields(facts):
    # The one type without fields has no row.
    types = {'apiextensions.v1.CustomResourceSubresourceStatus': []}
    for c in list(rows(facts + '/fields.tsv', 9))[1:]:
        types.setdefault(c[0], []).append(dict(zip(
            ('type', 'name', 'value', 'proto', 'presence', 'strategy', 'merge_key', 'list_type',
             'map_keys'), c)))
    # A member by this name, which the facts take for an embedded struct.
    for f in types['storage.v1.VolumeAttachmentSource']:
        if f['name'] == '(inline)':
            f['name'] = 'inlineVolumeSpec'
    return types


def strip(value):
    """The element of lists and maps: (shape, element)."""
    if value.startswith('list<'):
        return 'list', value[5:-1]
    if value.startswith('map<'):
        return 'map', value[4:-1].split(',', 1)[1]
    return '', value


def find(types, name, field):
    for f in types.get(name, []):
        if f['name'] == field:
            return name, f
        if f['name'] == '(inline)':
            got = find(types, f['value'], field)
            if got:
                return got
    return None


def read_defaults(facts, types):
    kinds = {(g, v, k): t for g, v, k, t in list(rows(facts + '/kinds.tsv', 4))[1:]}
    out = {}
    for g, v, k, path, value, when in list(rows(facts + '/defaults.tsv', 6))[1:]:
        at = kinds.get((g, v, k))
        if not at or when == 'nothing given':
            continue
        got = None
        for step in path.split('.'):
            got = find(types, at, step.replace('[]', ''))
            if not got:
                break
            at = strip(got[1]['value'])[1]
        if got and (got[0], got[1]['name']) not in CODE_DEFAULTS:
            if path.endswith('[]'):
                value = '[%s]' % value
            out[(got[0], got[1]['name'])] = value
    out.update(MORE_DEFAULTS)
    return out


def go_files(cache):
    """(package, lines) of the published Go types."""
    for path in glob.glob(cache + '/k8s.io/*/**/types*.go', recursive=True):
        m = re.search(r'/pkg/(apis/meta/v1)/|k8s\.io/api@[^/]*/(\w+/v\d+)/|'
                      r'/pkg/apis/(apiextensions/v1|apiregistration/v1)/', path)
        if m:
            yield (next(g for g in m.groups() if g).replace('/', '.'),
                   open(path, encoding='utf-8').read().split('\n'))


def read_go(cache):
    """(type, field) → (pointer, omitempty, omitzero), and the structs that are atomic."""
    out, atomic = {}, set()
    for package, lines in go_files(cache):
        struct, is_atomic = None, False
        for line in lines:
            is_atomic = is_atomic or line.startswith('// +structType=atomic')
            m = re.match(r'type (\w+) struct', line)
            if m:
                struct = m.group(1)
                if is_atomic:
                    atomic.add(package + '.' + struct)
                is_atomic = False
                continue
            if line.startswith('}'):
                struct = None
            m = re.match(r'\t\w+\s+(\S+)\s+`.*json:"([^"]*)"', line)
            if struct and m:
                name, *options = m.group(2).split(',')
                out[(package + '.' + struct, name)] = (
                    m.group(1)[0] == '*', 'omitempty' in options, 'omitzero' in options)
    return out, atomic


def value_text(value, types, want):
    shape, element = strip(value)
    if element.startswith('string:'):
        element = 'string'
    if element.startswith('int64:'):
        element = 'int64'
    if element not in FORMS:
        if element not in types:
            sys.exit('no form for ' + value)
        want.append(element)
    else:
        element = FORMS[element]
    return {'list': 'list<%s>', 'map': 'map<%s>', '': '%s'}[shape] % element


def field_row(type_name, f, facts, old, want):
    types, defaults, go, enums = facts
    row = {'name': f['name'], 'type': value_text(f['value'], types, want)}
    if f['proto']:
        row['proto'] = int(f['proto'])
    if f['presence'] == 'required':
        row['required'] = True
    pointer, omitempty, omitzero = go.get((type_name, f['name']), (False, True, False))
    is_struct = row['type'] in ('quantity', 'int_or_string') or (
        row['type'] not in FORMS.values() and '<' not in row['type'])
    if pointer:
        row['pointer'] = True
    elif not omitempty or (is_struct and not omitzero):
        row['always'] = True
    for key, name in (('strategy', 'patch'), ('merge_key', 'merge_key'),
                      ('list_type', 'list_type')):
        if f[key]:
            row[name] = f[key]
    if f['map_keys']:
        row['map_keys'] = f['map_keys'].split(',')
    named = strip(f['value'])[1]
    if named.startswith('string:') and named[7:] in ENUMS:
        row['enum'] = enums[named[7:]]
    if (type_name, f['name']) in defaults:
        row['default'] = yaml.safe_load(defaults[(type_name, f['name'])])
    for key in KEEP:
        if key in old and key not in row:
            row[key] = old[key]
    return row


def flow(value):
    return yaml.safe_dump(value, default_flow_style=True, width=10000, sort_keys=False,
                          allow_unicode=True).replace('\n...', '').strip()


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


def write(path, doc):
    with open(path, 'w', encoding='utf-8') as out:
        head = {k: v for k, v in doc.items() if k != 'types'}
        out.write(yaml.dump(head, Dumper=Dumper, sort_keys=False, width=96,
                            default_flow_style=None, allow_unicode=True))
        out.write('types:\n')
        for name in doc['types']:
            entry = doc['types'][name]
            out.write('  %s:\n' % name)
            if entry.get('atomic'):
                out.write('    atomic: true\n')
            if entry.get('description'):
                out.write('    description: %s\n' % flow(entry['description']))
            out.write('    fields:%s\n' % ('' if entry['fields'] else ' []'))
            for row in entry['fields']:
                out.write('      - %s\n' % flow(row))


def main():
    facts_dir, go_dir, schemas = sys.argv[1:4]
    types = read_fields(facts_dir)
    go, atomic = read_go(go_dir)
    facts = (types, read_defaults(facts_dir, types), go,
             {t: v.split(',') for t, v in rows(facts_dir + '/enums.tsv', 2)})
    docs = {}
    want = []
    for path in glob.glob(schemas + '/*.yaml'):
        doc = yaml.safe_load(open(path, encoding='utf-8'))
        if 'group' not in doc:
            continue
        docs[os.path.basename(path)[:-5]] = doc
        for kind in doc.get('kinds') or []:
            want += [kind['type'], kind['type'] + 'List']
        want += doc.get('bodies') or []
    made = {}
    while want:
        name = want.pop(0)
        if name in made or name not in types:
            continue
        old = (docs[file_of(name)].get('types') or {}).get(name, {})
        old_fields = {f.get('name'): f for f in old.get('fields') or []}
        made[name] = {'description': old.get('description', ''), 'fields': []}
        if name in atomic:
            made[name]['atomic'] = True
        for f in types[name]:
            if f['name'] == '(inline)':
                row = {'inline': f['value']}
                if f['proto']:
                    row['proto'] = int(f['proto'])
                want.append(f['value'])
            else:
                row = field_row(name, f, facts, old_fields.get(f['name'], {}), want)
            made[name]['fields'].append(row)
    for base, doc in docs.items():
        doc['types'] = {n: made[n] for n in sorted(made)
                        if file_of(n) == base}
        write(schemas + '/' + base + '.yaml', doc)


if __name__ == '__main__':
    main()
