/* Rules of Jobs, of securityContext, and of what a status may become. */
#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

enum what { SPEC, STATUS };

static json_t *parse(const struct schema_kind *k, const char *yaml)
{
	struct error err = { 0 };
	json_t *tree = NULL;
	if (schema_decode(k->type, SCHEMA_YAML, yaml, strlen(yaml), &tree, NULL, &err) < 0) {
		fprintf(stderr, "%s\n%s\n", yaml, err.text);
		exit(1);
	}
	schema_default(k, tree);
	return tree;
}

static char *run(enum what what, const char *group, const char *kind, const char *yaml,
		 const char *old_yaml)
{
	const struct schema_kind *k = schema_kind_by_kind(group, "v1", kind);
	struct field_errors errors = { 0 };
	struct str out;
	str_init(&out, 1 << 16);
	AUTO_JSON *tree = parse(k, yaml), *old = old_yaml ? parse(k, old_yaml) : NULL;
	if (what == STATUS)
		schema_validate_status(k, tree, old, &errors);
	else
		schema_validate(k, tree, old, &errors);
	for (size_t i = 0; i < errors.count; i++) {
		if (i)
			str_add_char(&out, '\n');
		field_error_text(&errors.at[i], &out);
	}
	field_errors_fini(&errors);
	return str_take(&out);
}

#define META "metadata: {name: x, namespace: d}\n"

/* ---- Jobs: what follows stands beside the template, the fourth is the pod's restart policy ---- */

#define JOB(more, policy)                                                                          \
	META "spec:\n  selector: {matchLabels: {a: b}}\n" more                                     \
	     "  template:\n    metadata: {labels: {a: b}}\n    spec: {restartPolicy: " policy      \
	     ", containers: [{name: c, image: i}], initContainers: [{name: d, image: i}]}\n"
#define RULE(text) "  podFailurePolicy: {rules: [" text "]}\n"
#define AT         "spec.podFailurePolicy.rules[0]"

static const struct {
	const char *name, *yaml, *old, *want;
} jobs[] = {
	{ "a good policy",
	  JOB(RULE("{action: FailJob, onExitCodes: {containerName: d, operator: In, values: [1, "
		   "42]}}, {action: Ignore, onPodConditions: [{type: DisruptionTarget}]}"),
	      "Never"),
	  NULL, "" },
	{ "restart policy",
	  JOB(RULE("{action: Count, onExitCodes: {operator: In, values: [1]}}"), "OnFailure"), NULL,
	  "spec.template.spec.restartPolicy: Invalid value: \"OnFailure\": only \"Never\" is "
	  "supported when podFailurePolicy is specified" },
	{ "no action, nothing to act on", JOB(RULE("{}"), "Never"), NULL,
	  AT ".action: Required value: valid values: [\"Count\" \"FailIndex\" \"FailJob\" "
	     "\"Ignore\"]\n" AT
	     ": Invalid value: specifying one of OnExitCodes and OnPodConditions "
	     "is required" },
	{ "unknown action",
	  JOB(RULE("{action: Panic, onPodConditions: [{type: a b, status: Maybe}]}"), "Never"),
	  NULL,
	  AT ".action: Unsupported value: \"Panic\": supported values: \"Count\", \"FailIndex\", "
	     "\"FailJob\", \"Ignore\"\n" AT
	     ".onPodConditions[0].type: Invalid value: \"a b\": name part must consist of "
	     "alphanumeric characters, '-', '_' or '.', and must start and end with an "
	     "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
	     "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')\n" AT
	     ".onPodConditions[0].status: Unsupported value: \"Maybe\": supported values: "
	     "\"False\", \"True\", \"Unknown\"" },
	{ "both",
	  JOB(RULE("{action: Count, onExitCodes: {operator: In, values: [1]}, onPodConditions: "
		   "[{type: Ready}]}"),
	      "Never"),
	  NULL,
	  AT ": Invalid value: specifying both OnExitCodes and OnPodConditions is not supported" },
	{ "FailIndex needs a limit",
	  JOB(RULE("{action: FailIndex, onExitCodes: {operator: In, values: [1]}}"), "Never"), NULL,
	  AT ".action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set" },
	{ "exit codes",
	  JOB(RULE("{action: Count, onExitCodes: {containerName: nobody, operator: In, values: [3, "
		   "0, 3]}}"),
	      "Never"),
	  NULL,
	  AT ".onExitCodes.containerName: Invalid value: \"nobody\": must be one of the container "
	     "or initContainer names in the pod template\n" AT
	     ".onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator\n" AT
	     ".onExitCodes.values[2]: Duplicate value: 3\n" AT
	     ".onExitCodes.values: Invalid value: [3,0,3]: must be ordered" },
	{ "no codes, no operator", JOB(RULE("{action: Count, onExitCodes: {values: []}}"), "Never"),
	  NULL,
	  AT ".onExitCodes.operator: Required value: valid values: [\"In\" \"NotIn\"]\n" AT
	     ".onExitCodes.values: Invalid value: []: at least one value is required" },
	{ "zero is a code of NotIn",
	  JOB(RULE("{action: Count, onExitCodes: {operator: NotIn, values: [0, 1]}}"), "Never"),
	  NULL, "" },
	{ "replacement",
	  JOB("  podReplacementPolicy: TerminatingOrFailed\n" RULE(
		      "{action: Count, onExitCodes: {operator: In, values: [1]}}"),
	      "Never"),
	  NULL,
	  "spec.podReplacementPolicy: Unsupported value: \"TerminatingOrFailed\": supported "
	  "values: \"Failed\"" },
	{ "success needs indexes",
	  JOB("  successPolicy: {rules: [{succeededCount: 1}]}\n", "Never"), NULL,
	  "spec.successPolicy: Invalid value: {\"Rules\":[{\"SucceededIndexes\":null,\"SucceededCount\":1}]}: requires "
	  "indexed completion mode" },
	{ "success rules",
	  JOB("  completionMode: Indexed\n  completions: 3\n  successPolicy: {rules: [{}, "
	      "{succeededCount: 4}]}\n",
	      "Never"),
	  NULL,
	  "spec.successPolicy.rules[0]: Required value: at least one of succeededCount or "
	  "succeededIndexes must be specified\n"
	  "spec.successPolicy.rules[1].succeededCount: Invalid value: 4: must be less than or "
	  "equal to 3 (the number of specified completions)" },
	{ "success without rules",
	  JOB("  completionMode: Indexed\n  completions: 3\n  successPolicy: {rules: []}\n",
	      "Never"),
	  NULL,
	  "spec.successPolicy.rules: Required value: at least one rules must be specified when "
	  "the successPolicy is specified" },
	{ "failed indexes",
	  JOB("  completionMode: Indexed\n  completions: 3\n  backoffLimitPerIndex: 1\n  "
	      "maxFailedIndexes: 4\n",
	      "Never"),
	  NULL,
	  "spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions" },
	{ "many indexes",
	  JOB("  completionMode: Indexed\n  completions: 100001\n  backoffLimitPerIndex: 1\n",
	      "Never"),
	  NULL,
	  "spec.maxFailedIndexes: Required value: must be specified when completions is above "
	  "100000" },
	{ "a policy stays", JOB("", "Never"),
	  JOB(RULE("{action: Count, onExitCodes: {operator: In, values: [1]}}"), "Never"),
	  "spec.podFailurePolicy: Invalid value: null: field is immutable" },
};

/* ---- securityContext ---- */

#define POD(more) META "spec:\n  containers: [{name: c, image: i" more
#define SYSCTL                                                                                     \
	"must have at most 253 characters and match regex "                                        \
	"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"

#define CONTEXT_SHOWN                                                                               \
	"{\"Capabilities\":{\"Add\":[\"CAP_SYS_ADMIN\"],\"Drop\":null},\"Privileged\":true,"        \
	"\"SELinuxOptions\":null,\"WindowsOptions\":null,\"RunAsUser\":null,\"RunAsGroup\":null,"   \
	"\"RunAsNonRoot\":null,\"ReadOnlyRootFilesystem\":null,\"AllowPrivilegeEscalation\":false," \
	"\"ProcMount\":\"Unmasked\",\"SeccompProfile\":null,\"AppArmorProfile\":null}"

static const struct {
	const char *name, *yaml, *want;
} pods[] = {
	{ "good",
	  POD(", securityContext: {runAsUser: 0, runAsGroup: 5, allowPrivilegeEscalation: false, "
	      "capabilities: {add: [NET_ADMIN]}, seccompProfile: {type: RuntimeDefault}}}]\n"
	      "  securityContext: {fsGroup: 5, supplementalGroups: [1, 2147483647], sysctls: "
	      "[{name: net.core.somaxconn, value: '1'}, {name: kernel/shm_rmid_forced, value: "
	      "'0'}], seccompProfile: {type: Localhost, localhostProfile: a/b.json}}\n"),
	  "" },
	{ "numbers",
	  POD(", securityContext: {runAsUser: -1, runAsGroup: 2147483648}}]\n  securityContext: "
	      "{fsGroup: -1, supplementalGroups: [3, -4], fsGroupChangePolicy: Sometimes}\n"),
	  "spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and "
	  "2147483647, inclusive\n"
	  "spec.containers[0].securityContext.runAsGroup: Invalid value: 2147483648: must be "
	  "between 0 and 2147483647, inclusive\n"
	  "spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, "
	  "inclusive\n"
	  "spec.securityContext.fsGroupChangePolicy: Unsupported value: \"Sometimes\": supported "
	  "values: \"Always\", \"OnRootMismatch\"\n"
	  "spec.securityContext.supplementalGroups[1]: Invalid value: -4: must be between 0 and "
	  "2147483647, inclusive" },
	{ "contradictions",
	  POD(", securityContext: {privileged: true, allowPrivilegeEscalation: false, "
	      "capabilities: {add: [CAP_SYS_ADMIN]}, procMount: Unmasked}}]\n  hostPID: true\n  "
	      "shareProcessNamespace: true\n"),
	  "spec.containers[0].securityContext.procMount: Invalid value: \"Unmasked\": `hostUsers` "
	  "must be false to use `Unmasked`\n"
	  "spec.containers[0].securityContext: Invalid value: " CONTEXT_SHOWN ": cannot set "
	  "`allowPrivilegeEscalation` to false and `privileged` to true\n"
	  "spec.containers[0].securityContext: Invalid value: " CONTEXT_SHOWN ": cannot set "
	  "`allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN\n"
	  "spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace "
	  "and HostPID cannot both be enabled" },
	{ "seccomp",
	  POD(", securityContext: {seccompProfile: {type: Localhost, localhostProfile: /a/../b}}}, "
	      "{name: e, image: i, securityContext: {seccompProfile: {type: Unconfined, "
	      "localhostProfile: a}}}]\n  securityContext: {seccompProfile: {type: Localhost}}\n"),
	  "spec.containers[0].securityContext.seccompProfile.localhostProfile: Invalid value: "
	  "\"/a/../b\": must be a relative path\n"
	  "spec.containers[0].securityContext.seccompProfile.localhostProfile: Invalid value: "
	  "\"/a/../b\": must not contain '..'\n"
	  "spec.containers[1].securityContext.seccompProfile.localhostProfile: Invalid value: "
	  "{\"Type\":\"Unconfined\",\"LocalhostProfile\":\"a\"}: can only be set when seccomp type is Localhost\n"
	  "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when "
	  "seccomp type is Localhost" },
	{ "AppArmor",
	  POD(", securityContext: {appArmorProfile: {type: Localhost, localhostProfile: ' a'}}}, "
	      "{name: e, image: i, securityContext: {appArmorProfile: {type: RuntimeDefault, "
	      "localhostProfile: a}}}]\n  securityContext: {appArmorProfile: {type: Localhost}}\n"),
	  "spec.containers[0].securityContext.appArmorProfile.localhostProfile: Invalid value: "
	  "\" a\": must not be padded with whitespace\n"
	  "spec.containers[1].securityContext.appArmorProfile.localhostProfile: Invalid value: "
	  "\"a\": can only be set when AppArmor type is Localhost\n"
	  "spec.securityContext.appArmorProfile.localhostProfile: Required value: must be set "
	  "when AppArmor type is Localhost" },
	{ "sysctls",
	  POD("}]\n  hostNetwork: true\n  hostIPC: true\n  securityContext: {sysctls: [{value: a}, "
	      "{name: 'a..b', value: a}, {name: net.a, value: a}, {name: kernel.sem, value: a}, "
	      "{name: x.y, value: a}, {name: x.y, value: b}]}\n"),
	  "spec.securityContext.sysctls[0].name: Required value\n"
	  "spec.securityContext.sysctls[1].name: Invalid value: \"a..b\": " SYSCTL "\n"
	  "spec.securityContext.sysctls[2].name: Invalid value: \"net.a\": may not be specified "
	  "when 'hostNetwork' is true\n"
	  "spec.securityContext.sysctls[3].name: Invalid value: \"kernel.sem\": may not be "
	  "specified when 'hostIPC' is true\n"
	  "spec.securityContext.sysctls[5].name: Duplicate value: \"x.y\"" },
};

/* ---- status ---- */

#define POD_STATUS(policy, status)                                                                 \
	META "spec: {restartPolicy: " policy                                                       \
	     ", containers: [{name: c, image: i}], initContainers: "                               \
	     "[{name: s, image: i, restartPolicy: Always}]}\nstatus: {" status "}\n"
#define ENDED(code) "containerStatuses: [{name: c, state: {terminated: {exitCode: " code "}}}]"
#define RUNS        "containerStatuses: [{name: c, state: {running: {}}}]"
#define TURNED(where)                                                                              \
	"status." where "[0].state: Forbidden: may not be transitioned to non-terminated state"
#define JOB_STATUS(status) JOB("", "Never") "status: {" status "}\n"
#define START              "startTime: '2026-01-01T00:00:00Z'"
#define END                "completionTime: '2026-01-01T00:01:00Z'"
#define TRUE(type)         "{type: " type ", status: 'True'}"

static const struct {
	const char *name, *group, *kind, *yaml, *old, *want;
} statuses[] = {
	{ "a pod's end stays", "", "Pod", POD_STATUS("Never", RUNS),
	  POD_STATUS("Never", ENDED("0")), TURNED("containerStatuses") },
	{ "a failure may be tried again", "", "Pod", POD_STATUS("OnFailure", RUNS),
	  POD_STATUS("OnFailure", ENDED("1")), "" },
	{ "a success is none", "", "Pod", POD_STATUS("OnFailure", RUNS),
	  POD_STATUS("OnFailure", ENDED("0")), TURNED("containerStatuses") },
	{ "what always restarts", "", "Pod", POD_STATUS("Always", RUNS),
	  POD_STATUS("Always", ENDED("0")), "" },
	{ "a sidecar restarts", "", "Pod",
	  POD_STATUS("Never", "initContainerStatuses: [{name: s, state: {running: {}}}]"),
	  POD_STATUS("Never",
		     "initContainerStatuses: [{name: s, state: {terminated: {exitCode: 0}}}]"),
	  "" },
	{ "a condition's type", "", "Pod",
	  POD_STATUS("Always", "conditions: [{type: Ready, status: 'True'}, {type: '', status: "
			       "'True'}]"),
	  POD_STATUS("Always", ""),
	  "status.conditions[1].Type: Invalid value: \"\": name part must be non-empty\n"
	  "status.conditions[1].Type: Invalid value: \"\": name part must consist of alphanumeric "
	  "characters, '-', '_' or '.', and must start and end with an alphanumeric character "
	  "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
	  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')" },

	{ "a Job ends well", "batch", "Job",
	  JOB_STATUS(START ", " END ", succeeded: 1, conditions: [" TRUE(
		  "SuccessCriteriaMet") ", " TRUE("Complete") "]"),
	  JOB_STATUS(START ", active: 1"), "" },
	{ "an end is final", "batch", "Job", JOB_STATUS(START),
	  JOB_STATUS(START ", conditions: [" TRUE("FailureTarget") ", " TRUE("Failed") "]"),
	  "status.conditions: Invalid value: cannot disable the terminal Failed=True condition\n"
	  "status.conditions: Invalid value: cannot disable the terminal FailureTarget=True "
	  "condition" },
	{ "ends that exclude each other", "batch", "Job",
	  JOB_STATUS(START ", " END ", conditions: [" TRUE("SuccessCriteriaMet") ", " TRUE(
		  "Complete") ", " TRUE("FailureTarget") ", " TRUE("Failed") "]"),
	  JOB_STATUS(START),
	  "status.conditions: Invalid value: cannot set Complete=True and Failed=true conditions\n"
	  "status.conditions: Invalid value: cannot set Complete=True and FailureTarget=true "
	  "conditions\n"
	  "status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and Failed=true "
	  "conditions\n"
	  "status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and "
	  "FailureTarget=true conditions" },
	{ "ends without what comes before", "batch", "Job",
	  JOB_STATUS("active: 1, ready: 2, conditions: [" TRUE("Complete") "]"), JOB_STATUS(""),
	  "status.conditions: Invalid value: cannot set Complete=True condition without the "
	  "SuccessCriteriaMet=true condition\n"
	  "status.ready: Invalid value: 2: cannot set more ready pods than active\n"
	  "status.active: Invalid value: 1: active>0 is invalid for finished job\n"
	  "status.startTime: Required value: startTime is required for finished job\n"
	  "status.completionTime: Required value: completionTime is required for Complete jobs" },
	{ "counts and times", "batch", "Job",
	  JOB_STATUS("succeeded: 1, failed: 2, startTime: '2026-01-01T00:00:01Z', " END),
	  JOB_STATUS("succeeded: 2, failed: 3, " START),
	  "status.succeeded: Invalid value: 1: cannot decrease the succeeded counter\n"
	  "status.failed: Invalid value: 2: cannot decrease the failed counter\n"
	  "status.startTime: Invalid value: \"2026-01-01T00:00:01Z\": startTime cannot be updated "
	  "for unsuspended job\n"
	  "status.completionTime: Invalid value: \"2026-01-01T00:01:00Z\": cannot set "
	  "completionTime when there is no Complete=True condition" },
	{ "an end before the start", "batch", "Job",
	  JOB_STATUS("startTime: '2026-01-01T00:02:00Z', " END
		     ", conditions: [" TRUE("SuccessCriteriaMet") ", " TRUE("Complete") "]"),
	  JOB_STATUS(""),
	  "status.completionTime: Invalid value: \"2026-01-01T00:01:00Z\": completionTime cannot "
	  "be set before startTime" },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		auto_free char *got = run(SPEC, "batch", "Job", jobs[i].yaml, jobs[i].old);
		CHECK_TEXT(jobs[i].name, got, jobs[i].want);
	}
	for (size_t i = 0; i < ARRAY_LEN(pods); i++) {
		auto_free char *got = run(SPEC, "", "Pod", pods[i].yaml, NULL);
		CHECK_TEXT(pods[i].name, got, pods[i].want);
	}
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		auto_free char *got = run(STATUS, statuses[i].group, statuses[i].kind,
					  statuses[i].yaml, statuses[i].old);
		CHECK_TEXT(statuses[i].name, got, statuses[i].want);
	}
	return 0;
}
