/* PodSecurity: what each level and version says of a pod, policies, and a namespace with many pods. */
#include "apiserver/pod_security.h"
#include "common/base/jsonx.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define CORE "/api/v1"

/* Pods as their spec: a container "c" stands in each. */
#define SPEC(pod, container)                                                                       \
	"{\"metadata\":{},\"spec\":{" pod "\"containers\":[{\"name\":\"c\"" container "}]}}"
#define CONTEXT(text) ",\"securityContext\":{" text "}"
#define GOOD                                                                                              \
	"\"allowPrivilegeEscalation\":false,\"runAsNonRoot\":true,\"capabilities\":{\"drop\":[\"ALL\"]}," \
	"\"seccompProfile\":{\"type\":\"RuntimeDefault\"}"

static const struct {
	const char *name, *pod;
	enum pod_security_level level;
	const char *why;
} levels[] = {
	{ "anything", SPEC("\"hostPID\":true,", ""), POD_SECURITY_PRIVILEGED, "" },
	{ "plain", SPEC("", ""), POD_SECURITY_BASELINE, "" },
	{ "all of the host's", SPEC("\"hostNetwork\":true,\"hostPID\":true,\"hostIPC\":true,", ""),
	  POD_SECURITY_BASELINE, "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)" },
	{ "paths",
	  SPEC("\"volumes\":[{\"name\":\"a\",\"hostPath\":{}},{\"name\":\"b\",\"hostPath\":{}}],",
	       ""),
	  POD_SECURITY_BASELINE, "hostPath volumes (volumes \"a\", \"b\")" },
	{ "paths are restricted volumes",
	  SPEC("\"volumes\":[{\"name\":\"a\",\"hostPath\":{}}],", CONTEXT(GOOD)),
	  POD_SECURITY_RESTRICTED,
	  "restricted volume types (volume \"a\" uses restricted volume type \"hostPath\")" },
	{ "a port of the host", SPEC("", ",\"ports\":[{\"hostPort\":80},{\"hostPort\":443}]"),
	  POD_SECURITY_BASELINE, "hostPort (container \"c\" uses hostPorts 443, 80)" },
	{ "a probe elsewhere", SPEC("", ",\"livenessProbe\":{\"httpGet\":{\"host\":\"10.0.0.1\"}}"),
	  POD_SECURITY_BASELINE,
	  "probe or lifecycle host (container \"c\" uses probe or lifecycle host \"10.0.0.1\")" },
	{ "capabilities",
	  SPEC("", CONTEXT("\"capabilities\":{\"add\":[\"SYS_ADMIN\",\"CHOWN\",\"BPF\"]}")),
	  POD_SECURITY_BASELINE,
	  "non-default capabilities (container \"c\" must not include \"BPF\", \"SYS_ADMIN\" in "
	  "securityContext.capabilities.add)" },
	{ "more capabilities",
	  SPEC("",
	       CONTEXT("\"allowPrivilegeEscalation\":false,\"runAsNonRoot\":true,\"capabilities\":{"
		       "\"drop\":[\"ALL\"],\"add\":[\"CHOWN\"]},\"seccompProfile\":{\"type\":\"Localhost\"}")),
	  POD_SECURITY_RESTRICTED,
	  "unrestricted capabilities (container \"c\" must not include \"CHOWN\" in "
	  "securityContext.capabilities.add)" },
	{ "proc", SPEC("", CONTEXT("\"procMount\":\"Unmasked\"")), POD_SECURITY_BASELINE,
	  "procMount (container \"c\" must not set securityContext.procMount to \"Unmasked\")" },
	{ "proc with its own users",
	  SPEC("\"hostUsers\":false,", CONTEXT("\"procMount\":\"Unmasked\"")),
	  POD_SECURITY_BASELINE, "" },
	{ "selinux",
	  SPEC("\"securityContext\":{\"seLinuxOptions\":{\"type\":\"x_t\",\"user\":\"u\",\"role\":"
	       "\"r\"}},",
	       ""),
	  POD_SECURITY_BASELINE,
	  "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type \"x_t\"; user may not "
	  "be set; role may not be set)" },
	{ "seccomp",
	  SPEC("\"securityContext\":{\"seccompProfile\":{\"type\":\"Unconfined\"}},", ""),
	  POD_SECURITY_BASELINE,
	  "seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")" },
	{ "sysctl",
	  SPEC("\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.x\"},{\"name\":"
	       "\"net.ipv4.tcp_syncookies\"}]},",
	       ""),
	  POD_SECURITY_BASELINE, "forbidden sysctls (kernel.x)" },
	{ "windows", SPEC("", CONTEXT("\"windowsOptions\":{\"hostProcess\":true}")),
	  POD_SECURITY_BASELINE,
	  "hostProcess (container \"c\" must not set securityContext.windowsOptions.hostProcess=true)" },
	{ "apparmor", SPEC("", CONTEXT("\"appArmorProfile\":{\"type\":\"Unconfined\"}")),
	  POD_SECURITY_BASELINE,
	  "forbidden AppArmor profile (container \"c\" must not set AppArmor profile type to "
	  "\"Unconfined\")" },
	{ "restricted", SPEC("", CONTEXT(GOOD)), POD_SECURITY_RESTRICTED, "" },
	{ "root by number",
	  SPEC("\"securityContext\":{\"runAsUser\":0},", CONTEXT(GOOD ",\"runAsUser\":0")),
	  POD_SECURITY_RESTRICTED,
	  "runAsUser=0 (pod and container \"c\" must not set runAsUser=0)" },
	{ "root by word", SPEC("\"securityContext\":{\"runAsNonRoot\":false},", CONTEXT(GOOD)),
	  POD_SECURITY_RESTRICTED,
	  "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)" },
};

static void test_levels(void)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct error err;
		AUTO_JSON *pod = NULL;
		AUTO_STR why;
		str_init(&why, 16384);
		CHECK(json_parse(levels[i].pod, strlen(levels[i].pod), &pod, &err) == 0);
		bool good =
			pod_security_check(pod, levels[i].level, POD_SECURITY_LATEST, &why, NULL);
		CHECK_TEXT(levels[i].name, why.data, levels[i].why);
		CHECK_INT(good, !*levels[i].why);
	}
}

#define CTX(text) ",\"securityContext\":{" text "}"
#define SECCOMP                                                                                    \
	"seccompProfile (pod or container \"c\" must set securityContext.seccompProfile.type"

/* What a level asked for when: from which version on a piece is told of, and until which. */
static const struct {
	const char *name, *pod;
	enum pod_security_level level;
	const char *piece;
	int since, until;
} versions[] = {
	{ "probes", SPEC("", ",\"livenessProbe\":{\"httpGet\":{\"host\":\"10.0.0.1\"}}"),
	  POD_SECURITY_BASELINE, "probe or lifecycle host", 34, 99 },
	{ "another seLinux type",
	  SPEC("", CTX("\"seLinuxOptions\":{\"type\":\"container_engine_t\"}")),
	  POD_SECURITY_BASELINE, "seLinuxOptions", 0, 30 },
	{ "a seccomp field", SPEC("", CTX("\"seccompProfile\":{\"type\":\"Unconfined\"}")),
	  POD_SECURITY_BASELINE, "seccompProfile (container", 19, 99 },
	{ "a seccomp annotation",
	  "{\"metadata\":{\"annotations\":{\"seccomp.security.alpha.kubernetes.io/pod\":\"unconfined\"}},"
	  "\"spec\":{\"containers\":[]}}",
	  POD_SECURITY_RESTRICTED,
	  "seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod=\"unconfined\")",
	  0, 18 },
	{ "reserved ports",
	  SPEC("\"securityContext\":{\"sysctls\":[{\"name\":\"net.ipv4.ip_local_reserved_ports\"}]},",
	       ""),
	  POD_SECURITY_BASELINE, "forbidden sysctls", 0, 26 },
	{ "keepalive",
	  SPEC("\"securityContext\":{\"sysctls\":[{\"name\":\"net.ipv4.tcp_keepalive_probes\"}]},",
	       ""),
	  POD_SECURITY_BASELINE, "forbidden sysctls", 0, 28 },
	{ "memory of connections",
	  SPEC("\"securityContext\":{\"sysctls\":[{\"name\":\"net.ipv4.tcp_wmem\"}]},", ""),
	  POD_SECURITY_BASELINE, "forbidden sysctls", 0, 31 },
	{ "users of its own", SPEC("\"hostUsers\":false,", CTX("\"procMount\":\"Unmasked\"")),
	  POD_SECURITY_BASELINE, "procMount", 0, 34 },
	{ "which are root", SPEC("\"hostUsers\":false,", CTX("\"runAsUser\":0")),
	  POD_SECURITY_RESTRICTED, "runAsUser=0", 23, 34 },
	{ "or may be", SPEC("\"hostUsers\":false,", ""), POD_SECURITY_RESTRICTED,
	  "runAsNonRoot != true", 0, 34 },
	{ "root", SPEC("", CTX("\"runAsUser\":0")), POD_SECURITY_RESTRICTED, "runAsUser=0", 23,
	  99 },
	{ "escalation", SPEC("", ""), POD_SECURITY_RESTRICTED, "allowPrivilegeEscalation", 8, 99 },
	{ "escalation of Windows", SPEC("\"os\":{\"name\":\"windows\"},", ""),
	  POD_SECURITY_RESTRICTED, "allowPrivilegeEscalation", 8, 24 },
	{ "capabilities are dropped", SPEC("", ""), POD_SECURITY_RESTRICTED,
	  "unrestricted capabilities", 22, 99 },
	{ "or were baseline's",
	  SPEC("", CTX("\"capabilities\":{\"add\":[\"NET_RAW\"],\"drop\":[\"ALL\"]}")),
	  POD_SECURITY_RESTRICTED, "non-default capabilities", 0, 21 },
	{ "seccomp is set", SPEC("", ""), POD_SECURITY_RESTRICTED, SECCOMP, 19, 99 },
	{ "but not on Windows", SPEC("\"os\":{\"name\":\"windows\"},", ""), POD_SECURITY_RESTRICTED,
	  SECCOMP, 19, 24 },
};

static void test_versions(void)
{
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct error err;
		AUTO_JSON *pod = NULL;
		CHECK(json_parse(versions[i].pod, strlen(versions[i].pod), &pod, &err) == 0);
		for (int minor = 0; minor < 100; minor++) {
			AUTO_STR why;
			str_init(&why, 16384);
			str_add(&why, "");
			(void)pod_security_check(pod, versions[i].level, minor, &why,
						 NULL); /* others may be broken, too */
			bool wanted = minor >= versions[i].since && minor <= versions[i].until;
			if ((strstr(why.data, versions[i].piece) != NULL) != wanted) {
				fprintf(stderr, "%s in v1.%d: %s\n", versions[i].name, minor,
					why.data);
				exit(1);
			}
		}
	}
}

static const struct {
	const char *labels, *want; /* enforce, audit, warn; the errors */
} policies[] = {
	{ "{}", "privileged:latest privileged:latest privileged:latest" },
	{ "{\"enforce\":\"baseline\",\"enforce-version\":\"v1.30\"}",
	  "baseline:v1.30 privileged:latest baseline:v1.30" },
	{ "{\"enforce\":\"baseline\",\"enforce-version\":\"v1.30\",\"warn-version\":\"v1.7\"}",
	  "baseline:v1.30 privileged:latest baseline:v1.7" },
	{ "{\"enforce\":\"baseline\",\"warn\":\"privileged\",\"audit\":\"restricted\","
	  "\"audit-version\":\"latest\"}",
	  "baseline:latest restricted:latest privileged:latest" },
	{ "{\"enforce\":\"high\",\"audit\":\"low\",\"warn\":\"no\"}",
	  "restricted:latest privileged:latest privileged:latest; "
	  "metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"high\": must be one of "
	  "privileged, baseline, restricted; metadata.labels[pod-security.kubernetes.io/audit]: Invalid "
	  "value: \"low\": must be one of privileged, baseline, restricted; "
	  "metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: \"no\": must be one of "
	  "privileged, baseline, restricted" },
	{ "{\"enforce\":\"baseline\",\"enforce-version\":\"v1.07\"}",
	  "baseline:latest privileged:latest baseline:latest; "
	  "metadata.labels[pod-security.kubernetes.io/enforce-version]: Invalid value: \"v1.07\": must be "
	  "\"latest\" or \"v1.x\"" },
	{ "{\"warn-version\":\"1.30\",\"audit-version\":\"v2.1\"}",
	  "privileged:latest privileged:latest privileged:latest; "
	  "metadata.labels[pod-security.kubernetes.io/audit-version]: Invalid value: \"v2.1\": must be "
	  "\"latest\" or \"v1.x\"; metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid "
	  "value: \"1.30\": must be \"latest\" or \"v1.x\"" },
};

static void test_policies(void)
{
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		struct error err;
		AUTO_JSON *given = NULL;
		AUTO_JSON *labels = json_object();
		const char *key;
		json_t *value;
		CHECK(json_parse(policies[i].labels, strlen(policies[i].labels), &given, &err) ==
		      0);
		json_object_foreach (given, key, value) {
			auto_free char *name = xasprintf("pod-security.kubernetes.io/%s", key);
			json_object_set(labels, name, value);
		}
		struct pod_security_policy p;
		struct field_errors errors = { 0 };
		AUTO_STR got;
		str_init(&got, 16384);
		pod_security_policy_read(labels, &p, &errors);
		pod_security_mode_text(&p.enforce, &got);
		str_add(&got, " ");
		pod_security_mode_text(&p.audit, &got);
		str_add(&got, " ");
		pod_security_mode_text(&p.warn, &got);
		for (size_t k = 0; k < errors.count; k++) {
			str_add(&got, "; ");
			field_error_text(&errors.at[k], &got);
		}
		CHECK_TEXT(policies[i].labels, got.data, policies[i].want);
		field_errors_fini(&errors);
	}
}

#define MANY 210
#define OWNER                                                                                      \
	"{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"r\",\"uid\":\"u\","        \
	"\"controller\":true}"

static void add_pod(struct api_world *w, const char *name, const char *owners, const char *spec)
{
	auto_free char *body = xasprintf(
		"{\"metadata\":{\"name\":\"%s\",\"ownerReferences\":[%s]},\"spec\":{%s\"containers\":[{"
		"\"name\":\"c\",\"image\":\"i\"}]}}",
		name, owners, spec);
	api_rows_run(
		w,
		&(struct api_row){ name, 0, "POST", CORE "/namespaces/many/pods", body, 201, "" },
		1);
}

/* All of a namespace's pods are looked at when its level is raised. */
static void test_many_pods(struct api_world *w)
{
	static const struct api_row before[] = {
		{ "a namespace", 0, "POST", CORE "/namespaces",
		  "{\"metadata\":{\"name\":\"many\"}}", 201, "" },
		{ "its account", 0, "POST", CORE "/namespaces/many/serviceaccounts",
		  "{\"metadata\":{\"name\":\"default\"}}", 201, "" },
	};
	static const struct api_row raised = {
		"raised",
		0,
		"PATCH",
		CORE "/namespaces/many",
		"{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/enforce\":\"restricted\"}}}",
		200,
		"violate the new PodSecurity enforce level \\\"restricted:latest\\\" & Warning: 299 - "
		"\"a000 (and 209 other pods): allowPrivilegeEscalation != false, unrestricted "
		"capabilities, runAsNonRoot != true, seccompProfile\" & Warning: 299 - \"zz: host "
		"namespaces, allowPrivilegeEscalation != false & !only checked"
	};
	api_rows_run(w, before, ARRAY_LEN(before));
	for (int i = 0; i < MANY; i++) {
		auto_free char *name = xasprintf("a%03d", i);
		add_pod(w, name, OWNER, "");
	}
	add_pod(w, "zz", "", "\"hostNetwork\":true,");
	api_rows_run(w, &raised, 1);
}

int main(void)
{
	static const struct api_row account = { "account",
						0,
						"POST",
						CORE "/namespaces/default/serviceaccounts",
						"{\"metadata\":{\"name\":\"default\"}}",
						201,
						"" };
	struct api_world w;
	test_levels();
	test_versions();
	test_policies();
	api_world_init(&w, 11);
	api_rows_run(&w, &account, 1);
	test_many_pods(&w);
	api_world_fini(&w);
	puts("ok");
	return 0;
}
