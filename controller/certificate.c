/*
 * CertificateSigningRequests: approves nodes' own by asking the API server whether they may,
 * signs what is approved with the cluster's key, and removes what is old. The key is in this
 * program's memory only, and only if it was started with it.
 */
#include "controller/controllers_internal.h"

#include "common/io/log.h"
#include "common/io/tls_csr.h"
#include "controller/certificate_plan.h"
#include "controller/facts.h"
#include "schemas/base64.h"

#define REFUSED_MS 60000 /* rights may be granted later */
#define USAGES_MAX 64

struct certificate_controller {
	struct context *context;
	struct control_loop *loop;
};

/* The PEM text of a member in base64, the caller's. */
static char *pem_of(const json_t *csr, const char *path)
{
	const char *coded = json_str_or(csr, path, "");
	AUTO_STR text;
	str_init(&text, strlen(coded) + 1);
	base64_decode(coded, strlen(coded), &text);
	return str_take(&text);
}

static struct cache *requests(const struct certificate_controller *c)
{
	return c->context->caches[KIND_CERTIFICATE_REQUEST];
}

static json_t *with_condition(const json_t *csr, const char *type, const char *reason,
			      const char *message)
{
	json_t *copy = json_deep_copy(csr);
	json_t *list = json_dig(copy, "status.conditions");
	if (!list) {
		list = json_array();
		json_put(copy, "status.conditions", list);
	}
	(void)json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "type", type, "status",
						    "True", "reason", reason, "message", message));
	json_put_str(copy, "apiVersion", "certificates.k8s.io/v1");
	json_put_str(copy, "kind", "CertificateSigningRequest");
	return copy;
}

static void write_part(struct certificate_controller *c, struct work *w, const char *part,
		       json_t *take_csr)
{
	struct work_write *write =
		work_update(w, requests(c), resource_of(KIND_CERTIFICATE_REQUEST), part, take_csr);
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

/* ---- approving ---- */

struct question {
	struct certificate_controller *c;
	json_t *csr; /* a reference */
	bool self_is_allowed, node_is_allowed;
};

static void question_free(void *ctx)
{
	struct question *q = ctx;
	json_decref(q->csr);
	free(q);
}

static bool is_allowed(const struct api_reply *reply)
{
	return reply->code == 0 && json_bool_or(reply->body, "status.allowed", false);
}

static void on_self(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct question *q = ctx;
	(void)w; /* a failed request is tried again by the loop */
	q->self_is_allowed = is_allowed(reply);
}

static void on_node(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct question *q = ctx;
	(void)w;
	q->node_is_allowed = is_allowed(reply);
}

static void ask(struct work *w, struct question *q, const char *subresource, work_replied *replied)
{
	json_t *review = json_object();
	json_put_str(review, "apiVersion", "authorization.k8s.io/v1");
	json_put_str(review, "kind", "SubjectAccessReview");
	json_put_str(review, "spec.user", json_str_or(q->csr, "spec.username", ""));
	static const char *const copied[] = { "uid", "groups", "extra" };
	for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
		json_t *value = json_object_get(json_object_get(q->csr, "spec"), copied[i]);
		if (value)
			(void)json_object_set(json_object_get(review, "spec"), copied[i], value);
	}
	json_put(review, "spec.resourceAttributes",
		 json_pack("{s:s,s:s,s:s,s:s,s:s}", "group", "certificates.k8s.io", "version", "*",
			   "resource", "certificatesigningrequests", "verb", "create",
			   "subresource", subresource));
	const struct work_write write = {
		.method = "POST",
		.take_target = xstrdup("/apis/authorization.k8s.io/v1/subjectaccessreviews"),
		.take_body = review,
		.replied = replied,
		.replied_ctx = q,
	};
	work_write(w, &write);
}

static void answered(void *ctx, struct work *w, const char *key)
{
	struct question *q = ctx;
	const char *message = NULL;
	(void)key; /* the object is in the question */
	if (q->self_is_allowed)
		message = "Auto approving self kubelet client certificate after "
			  "SubjectAccessReview.";
	else if (q->node_is_allowed)
		message = "Auto approving kubelet client certificate after SubjectAccessReview.";
	if (message)
		write_part(q->c, w, "approval",
			   with_condition(q->csr, "Approved", "AutoApproved", message));
	else
		work_again(w, REFUSED_MS);
}

static void approve_if_allowed(struct certificate_controller *c, struct work *w, const json_t *csr,
			       const struct certificate_plan *plan)
{
	struct question *q = xcalloc(1, sizeof *q);
	*q = (struct question){ .c = c, .csr = json_incref((json_t *)(uintptr_t)csr) };
	if (plan->asks_self)
		ask(w, q, "selfnodeclient", on_self);
	if (plan->asks_node)
		ask(w, q, "nodeclient", on_node);
	work_then(w, answered, q, question_free);
}

/* ---- signing ---- */

static void sign(struct certificate_controller *c, struct work *w, const json_t *csr,
		 const struct certificate_plan *plan)
{
	const char *usages[USAGES_MAX + 1] = { NULL };
	const json_t *list = json_dig(csr, "spec.usages");
	auto_free char *pem = pem_of(csr, "spec.request");
	auto_free char *certificate = NULL;
	struct error err;
	for (size_t i = 0; i < json_array_size(list) && i < USAGES_MAX; i++)
		usages[i] = json_string_value(json_array_get(list, i));
	const struct tls_csr_signing how = { .usages = usages,
					     .now_s = work_wall_us(w) / 1000000,
					     .from_s = plan->from_s,
					     .to_s = plan->to_s };
	const struct tls_pair ca = { (char *)(uintptr_t)c->context->settings.signing_cert,
				     (char *)(uintptr_t)c->context->settings.signing_key };
	if (tls_csr_sign(&ca, pem, &how, &certificate, &err) < 0) {
		work_fail(w, err.text);
		return;
	}
	AUTO_STR coded;
	str_init(&coded, 1 << 20);
	base64_add(&coded, certificate, strlen(certificate));
	json_t *copy = json_deep_copy(csr);
	json_put_str(copy, "apiVersion", "certificates.k8s.io/v1");
	json_put_str(copy, "kind", "CertificateSigningRequest");
	json_put_str(copy, "status.certificate", coded.data);
	write_part(c, w, "status", copy);
	log_info("certificate", "signed", "request", name_of(csr), "signer",
		 json_str_or(csr, "spec.signerName", ""), "for",
		 json_str_or(csr, "spec.username", ""));
}

/* ---- one request ---- */

static int64_t end_of(const json_t *csr)
{
	struct tls_cert_info info;
	struct error err;
	auto_free char *pem = pem_of(csr, "status.certificate");
	return *pem && tls_cert_read(pem, &info, &err) == 0 ? info.not_after_s * 1000000 : 0;
}

static void act(struct certificate_controller *c, struct work *w, const json_t *csr,
		const struct certificate_plan *plan)
{
	struct work_write *write;
	switch (plan->action) {
	case CERTIFICATE_WAIT:
		break;
	case CERTIFICATE_ASK:
		approve_if_allowed(c, w, csr, plan);
		break;
	case CERTIFICATE_SIGN:
		sign(c, w, csr, plan);
		break;
	case CERTIFICATE_FAIL:
		write_part(c, w, "status",
			   with_condition(csr, "Failed", "SignerValidationFailure", plan->why));
		break;
	case CERTIFICATE_DELETE:
		log_info("certificate", "request removed", "name", name_of(csr), "why", plan->why);
		write = work_delete(w, requests(c), resource_of(KIND_CERTIFICATE_REQUEST), NULL,
				    name_of(csr), uid_of(csr), -1, NULL);
		write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
		break;
	}
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct certificate_controller *c = ctx;
	const json_t *csr = cache_get(requests(c), key);
	if (!csr || pod_is_terminating(csr))
		return;
	AUTO_TLS_CSR request = { 0 };
	struct error err;
	auto_free char *pem = pem_of(csr, "spec.request");
	bool is_readable = tls_csr_read(pem, &request, &err) == 0;
	const struct certificate_request known = {
		.common_name = request.common_name,
		.orgs = (const char *const *)request.orgs,
		.orgs_count = request.orgs_count,
		.dns_count = request.dns_count,
		.emails_count = request.emails_count,
		.ips_count = request.ips_count,
		.uris_count = request.uris_count,
	};
	const struct controller_settings *s = &c->context->settings;
	const struct certificate_facts facts = { .csr = csr,
						 .request = is_readable ? &known : NULL,
						 .is_signer = s->signing_cert && s->signing_key,
						 .ttl_s = s->signing_ttl_s,
						 .not_after_us = end_of(csr),
						 .now_us = work_wall_us(w) };
	struct certificate_plan plan;
	certificate_plan_make(&plan, &facts);
	if (plan.wake_ms >= 0)
		work_again(w, plan.wake_ms);
	act(c, w, csr, &plan);
}

static void on_request(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct certificate_controller *c = ctx;
	(void)before;
	if (now)
		control_loop_add(c->loop, key);
}

struct certificate_controller *certificate_controller_new(struct context *context)
{
	static const enum kind needs[] = { KIND_CERTIFICATE_REQUEST };
	struct certificate_controller *c = xcalloc(1, sizeof *c);
	c->context = context;
	c->loop = context_loop(context, "certificate", reconcile, c, needs, ARRAY_LEN(needs));
	cache_subscribe(requests(c), &(struct cache_subscriber){ .changed = on_request, .ctx = c });
	return c;
}

void certificate_controller_free(struct certificate_controller *c)
{
	if (!c)
		return;
	cache_unsubscribe(requests(c), c);
	control_loop_free(c->loop);
	free(c);
}
