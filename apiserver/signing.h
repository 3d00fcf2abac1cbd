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
/* 0, or 403: not permitted to approve, to sign, or to ask for this subject. */
int signing_admit(struct change *c, struct failure *f);
