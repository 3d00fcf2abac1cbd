// link: io
/*
 * A signing request and a certificate as a client sends them: what reads a request says no more than
 * what it holds, and what is refused has a reason.
 */
#include "common/base/jsonx.h"
#include "common/io/tls_csr.h"
#include "schemas/base64.h"
#include "schemas/schema.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const uint8_t *data, size_t size)
{
	const struct schema_kind *kind =
		schema_kind_by_kind("certificates.k8s.io", "v1", "CertificateSigningRequest");
	struct field_errors errors = { 0 };
	AUTO_STR coded;
	str_init(&coded, 2 << 20);
	base64_add(&coded, data, size);
	AUTO_JSON *old = json_pack("{s:{s:s},s:{s:s,s:s,s:[s]}}", "metadata", "name", "x", "spec",
				   "request", coded.len ? coded.data : "", "signerName",
				   "example.com/s", "usages", "client auth");
	AUTO_JSON *now = json_deep_copy(old);
	json_put_str(now, "status.certificate", coded.len ? coded.data : "");
	schema_validate_status(kind, now, old, &errors);
	for (size_t i = 0; i < errors.count; i++) {
		AUTO_STR text;
		str_init(&text, 4 << 20);
		field_error_text(&errors.at[i], &text);
		assert(text.len > 0);
	}
	field_errors_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 65536)
		return 0;
	auto_free char *text = xstrndup((const char *)data, size);
	struct error err = { 0 };
	AUTO_TLS_CSR r = { 0 };
	if (tls_csr_read(text, &r, &err) == 0)
		assert(r.common_name && r.orgs_count <= TLS_CSR_ORGS_MAX);
	else
		assert(err.text[0]);
	if (tls_certs_check(text, &err) < 0)
		assert(err.code == ERR_INVALID);
	judge(data, size);
	return 0;
}
