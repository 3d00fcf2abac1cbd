/*
 * signing.h - what is special about CertificateSigningRequests. Each does nothing with other
 * kinds. Source: certificates.k8s.io/v1, the admission plugins CertificateApproval,
 * CertificateSigning and CertificateSubjectRestriction.
 *
 * Threads: signing_update and signing_check run where the change is (perhaps on a worker), the
 * others on the core loop.
 */
#pragma once

#include "apiserver/change.h"

/* Who asks: written into the new object, whatever the client says. */
void signing_create(struct change *c);
/* What a write through this endpoint leaves as it was. */
void signing_update(struct change *c);
/* The request's own signature, and certificates that can be read: added to the kind's rules. */
void signing_check(const struct change *c, struct field_errors *errors);
/* The request itself, to be ended with tls_csr_fini. ERR_INVALID: it cannot be read. */
struct tls_csr;
int signing_read(const json_t *tree, struct tls_csr *ret, struct error *err) MUST_CHECK;
/* 0, or 403: not permitted to approve, to sign, or to ask for this subject. */
int signing_admit(struct change *c, struct failure *f);
