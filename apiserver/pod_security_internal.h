/*
 * pod_security_internal.h - what the two files of rules share. A rule looks at a pod and says whether
 * it holds; if not, `detail` gets what upstream says in brackets.
 */
#pragma once

#include "apiserver/pod_security.h"
#include "common/base/jsonx.h"

#define NAMES_MAX 64

/* Names of containers or values, as they came or sorted, each value once. */
struct names {
	char *at[NAMES_MAX];
	size_t count;
};

struct look {
	const json_t *pod, *spec;
	struct names *bad;
	struct names *values;
	struct names *more; /* a second list, where a rule has two */
	int minor;          /* of the standards' version */
};

typedef void visit_container(const struct look *l, const json_t *container, const char *name);

void security_add(struct names *n, const char *text);
void security_add_sorted(struct names *n, const char *text);
void security_print(struct str *out, const struct names *n, bool quoted);
void security_print_containers(struct str *out, const struct names *n);
/* "pod", "container "a"", "pod and containers "a", "b"" */
void security_print_setters(struct str *out, bool pod, const struct names *containers);
void security_each_container(const struct look *l, visit_container *visit);
bool security_among(const char *text, const char *const *list, size_t count);
/* What Windows does not know is not asked of it, since 1.25. */
bool security_is_windows(const struct look *l);
/* A pod with users of its own may be root inside, since 1.35. */
bool security_has_own_users(const struct look *l);

/* ---- rules ---- */
bool security_seccomp_annotations(struct look *l, struct str *detail);
bool security_seccomp_baseline(struct look *l, struct str *detail);
bool security_proc_mount(struct look *l, struct str *detail);
bool security_escalation(struct look *l, struct str *detail);
bool security_capabilities_restricted(struct look *l, struct str *detail);
bool security_restricted_volumes(struct look *l, struct str *detail);
bool security_non_root(struct look *l, struct str *detail);
bool security_run_as_user(struct look *l, struct str *detail);
bool security_seccomp_restricted(struct look *l, struct str *detail);
