/*
 * certificate_plan.h - what becomes of a CertificateSigningRequest: who is asked whether it may be
 * approved by itself, whether it is signed and for how long, why not, and when it is in the way.
 * Pure. Source: certificates.k8s.io/v1, upstream's signers of kubernetes.io and its cleaner.
 */
#pragma once

#include "common/base/jsonx.h"

#define CERTIFICATE_WHY_MAX 512

/* What stands in the request, read by somebody who can (tls_csr.h). */
struct certificate_request {
	const char *common_name;
	const char *const *orgs;
	size_t orgs_count;
	size_t dns_count, emails_count, ips_count, uris_count;
};

enum certificate_action {
	CERTIFICATE_WAIT,
	CERTIFICATE_ASK, /* may who asks have it without a person's approval? */
	CERTIFICATE_SIGN,
	CERTIFICATE_FAIL,   /* condition Failed, SignerValidationFailure */
	CERTIFICATE_DELETE, /* too old to be of use */
};

struct certificate_facts {
	const json_t *csr;
	const struct certificate_request *request; /* NULL: it cannot be read */
	bool is_signer;                            /* there is a key to sign with */
	int64_t ttl_s;                             /* of certificates, at most */
	int64_t not_after_us; /* end of the issued certificate; 0: none, or not known */
	int64_t now_us;
};

struct certificate_plan {
	enum certificate_action action;
	char why[CERTIFICATE_WHY_MAX]; /* of FAIL and DELETE */
	bool asks_self, asks_node;     /* ASK: create on …/selfnodeclient, on …/nodeclient */
	int64_t from_s, to_s;          /* SIGN */
	int64_t wake_ms;               /* when it will be too old; -1: not by time */
};

void certificate_plan_make(struct certificate_plan *p, const struct certificate_facts *f);

/* Does any signer or approver of ours look at requests of this signer? */
bool certificate_plan_is_ours(const char *signer);
