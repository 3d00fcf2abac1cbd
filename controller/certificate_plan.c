#include "controller/certificate_plan.h"

#include "common/base/time_text.h"

#include <stdio.h>

#define CLIENT  "kubernetes.io/kube-apiserver-client"
#define KUBELET "kubernetes.io/kube-apiserver-client-kubelet"
#define SERVING "kubernetes.io/kubelet-serving"

#define HOUR_S     3600LL
#define DECIDED_S  HOUR_S
#define PENDING_S  (24 * HOUR_S)
#define SHORT_S    (8 * HOUR_S) /* the end of shorter ones is not put back */
#define BACKDATE_S 300
#define TTL_MIN_S  600

/* ---- facts ---- */

static const json_t *condition(const json_t *csr, const char *type)
{
	size_t i;
	json_t *c;
	json_array_foreach (json_dig(csr, "status.conditions"), i, c)
		if (streq(json_str_or(c, "type", ""), type))
			return c;
	return NULL;
}

static bool is_issued(const json_t *csr)
{
	return *json_str_or(csr, "status.certificate", "") != '\0';
}

static bool has_usage(const json_t *csr, const char *usage)
{
	size_t i;
	json_t *u;
	json_array_foreach (json_dig(csr, "spec.usages"), i, u)
		if (json_is_string(u) && streq(json_string_value(u), usage))
			return true;
	return false;
}

bool certificate_plan_is_ours(const char *signer)
{
	return streq(signer, CLIENT) || streq(signer, KUBELET) || streq(signer, SERVING);
}

/* ---- what a signer asks for ---- */

/* Exactly signature and `purpose`; encipherment of keys may be there. */
static bool usages_are(const json_t *csr, const char *purpose)
{
	size_t count = json_array_size(json_dig(csr, "spec.usages"));
	size_t wanted = 2 + has_usage(csr, "key encipherment");
	return has_usage(csr, "digital signature") && has_usage(csr, purpose) && count == wanted;
}

static bool is_of_nodes(const struct certificate_request *r)
{
	return r->orgs_count == 1 && streq(r->orgs[0], "system:nodes");
}

static bool is_node_name(const struct certificate_request *r)
{
	static const char prefix[] = "system:node:";
	return strncmp(r->common_name, prefix, sizeof prefix - 1) == 0;
}

/* NULL: fine. */
static const char *bad_kubelet_client(const json_t *csr, const struct certificate_request *r)
{
	if (!is_of_nodes(r))
		return "subject organization is not system:nodes";
	if (r->dns_count)
		return "DNS subjectAltNames are not allowed";
	if (r->emails_count)
		return "Email subjectAltNames are not allowed";
	if (r->ips_count)
		return "IP subjectAltNames are not allowed";
	if (r->uris_count)
		return "URI subjectAltNames are not allowed";
	if (!is_node_name(r))
		return "subject common name does not begin with system:node:";
	if (!usages_are(csr, "client auth"))
		return "usages did not match [client auth digital signature key encipherment]";
	return NULL;
}

static const char *bad_kubelet_serving(const json_t *csr, const struct certificate_request *r)
{
	if (!is_of_nodes(r))
		return "subject organization is not system:nodes";
	if (!r->dns_count && !r->ips_count)
		return "DNS or IP subjectAltName is required";
	if (r->emails_count)
		return "Email subjectAltNames are not allowed";
	if (r->uris_count)
		return "URI subjectAltNames are not allowed";
	if (!usages_are(csr, "server auth"))
		return "usages did not match [digital signature key encipherment server auth]";
	if (!is_node_name(r))
		return "subject common name does not begin with system:node:";
	return NULL;
}

/* False and why. */
static bool client_is_good(const json_t *csr, char why[CERTIFICATE_WHY_MAX])
{
	static const char *const fine[] = { "digital signature", "key encipherment",
					    "client auth" };
	size_t i;
	json_t *u;
	json_array_foreach (json_dig(csr, "spec.usages"), i, u) {
		const char *usage = json_is_string(u) ? json_string_value(u) : "";
		bool is_fine = false;
		for (size_t k = 0; k < ARRAY_LEN(fine); k++)
			is_fine |= streq(fine[k], usage);
		if (!is_fine) {
			(void)snprintf(why, CERTIFICATE_WHY_MAX,
				       "invalid usage for client certificate: %s",
				       usage); /* usages are short words */
			return false;
		}
	}
	if (has_usage(csr, "client auth"))
		return true;
	(void)snprintf(why, CERTIFICATE_WHY_MAX,
		       "missing required usage for client certificate: client auth");
	return false;
}

static bool signer_agrees(const json_t *csr, const struct certificate_request *r,
			  char why[CERTIFICATE_WHY_MAX])
{
	const char *signer = json_str_or(csr, "spec.signerName", "");
	if (streq(signer, CLIENT))
		return client_is_good(csr, why);
	const char *bad =
		streq(signer, KUBELET) ? bad_kubelet_client(csr, r) : bad_kubelet_serving(csr, r);
	if (bad)
		(void)snprintf(why, CERTIFICATE_WHY_MAX, "%s", bad); /* they are short */
	return !bad;
}

/* ---- age ---- */

struct age {
	const char *why; /* it is over; NULL: not yet */
	int64_t wake_us; /* the next end to come; INT64_MAX: none */
};

static void ends_at(struct age *a, int64_t now_us, int64_t end_us, const char *why)
{
	if (now_us > end_us && !a->why)
		a->why = why;
	if (now_us <= end_us)
		a->wake_us = MIN(a->wake_us, end_us);
}

static void ends_after(struct age *a, int64_t now_us, const char *since, int64_t span_s,
		       const char *why)
{
	int64_t since_us;
	if (since && time_parse(since, &since_us))
		ends_at(a, now_us, since_us + span_s * 1000000, why);
}

static struct age age_of(const struct certificate_facts *f)
{
	struct age a = { NULL, INT64_MAX };
	const json_t *approved = condition(f->csr, "Approved");
	const char *approval = json_str(approved, "lastUpdateTime");
	if (json_array_size(json_dig(f->csr, "status.conditions")) == 0)
		ends_after(&a, f->now_us, json_str(f->csr, "metadata.creationTimestamp"), PENDING_S,
			   "it was not decided within a day");
	ends_after(&a, f->now_us, json_str(condition(f->csr, "Denied"), "lastUpdateTime"),
		   DECIDED_S, "it was denied an hour ago");
	ends_after(&a, f->now_us, json_str(condition(f->csr, "Failed"), "lastUpdateTime"),
		   DECIDED_S, "it failed an hour ago");
	if (!approved)
		return a;
	if (!is_issued(f->csr)) {
		ends_after(&a, f->now_us, approval, PENDING_S, "nobody signed it within a day");
		return a;
	}
	ends_after(&a, f->now_us, approval, DECIDED_S, "it was issued an hour ago");
	if (f->not_after_us)
		ends_at(&a, f->now_us, f->not_after_us, "its certificate has ended");
	return a;
}

/* ---- the plan ---- */

static void plan_signature(struct certificate_plan *p, const struct certificate_facts *f)
{
	int64_t now_s = f->now_us / 1000000;
	int64_t ttl_s = json_int_or(f->csr, "spec.expirationSeconds", f->ttl_s);
	ttl_s = ttl_s > f->ttl_s ? f->ttl_s : MAX(ttl_s, (int64_t)TTL_MIN_S);
	p->action = CERTIFICATE_SIGN;
	p->from_s = now_s - BACKDATE_S;
	p->to_s = now_s + ttl_s - (ttl_s < SHORT_S ? 0 : BACKDATE_S);
}

static void plan_approval(struct certificate_plan *p, const struct certificate_facts *f)
{
	const char *signer = json_str_or(f->csr, "spec.signerName", "");
	if (!streq(signer, KUBELET) || bad_kubelet_client(f->csr, f->request))
		return;
	p->action = CERTIFICATE_ASK;
	p->asks_node = true;
	p->asks_self = streq(json_str_or(f->csr, "spec.username", ""), f->request->common_name);
}

void certificate_plan_make(struct certificate_plan *p, const struct certificate_facts *f)
{
	const struct age age = age_of(f);
	*p = (struct certificate_plan){ .wake_ms = -1 };
	if (age.why) {
		p->action = CERTIFICATE_DELETE;
		(void)snprintf(p->why, sizeof p->why, "%s", age.why); /* they are short */
		return;
	}
	if (age.wake_us != INT64_MAX)
		p->wake_ms = (age.wake_us - f->now_us) / 1000 + 1;
	const char *signer = json_str_or(f->csr, "spec.signerName", "");
	const json_t *approved = condition(f->csr, "Approved");
	const json_t *failed = condition(f->csr, "Failed");
	bool is_failed = failed && streq(json_str_or(failed, "status", ""), "True");
	bool is_denied = condition(f->csr, "Denied") != NULL;
	if (is_issued(f->csr) || !f->request || !certificate_plan_is_ours(signer))
		return;
	if (!approved && !is_denied)
		plan_approval(p, f);
	else if (!approved || is_denied || is_failed || !f->is_signer)
		return;
	else if (signer_agrees(f->csr, f->request, p->why))
		plan_signature(p, f);
	else
		p->action = CERTIFICATE_FAIL;
}
