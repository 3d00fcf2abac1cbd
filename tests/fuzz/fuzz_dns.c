// link: nodeagent
/* DNS messages: whatever is understood is printed and understood again as the same. */
#include "nodeagent/net/dns_wire.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct dns_message *a, const struct dns_message *b)
{
	assert(a->id == b->id && a->rcode == b->rcode && a->is_truncated == b->is_truncated);
	assert(a->records_count == b->records_count && a->has_edns == b->has_edns);
	for (size_t i = 0; i < a->records_count; i++) {
		const struct dns_record *x = &a->records[i], *y = &b->records[i];
		assert(x->section == y->section && x->type == y->type && x->class == y->class);
		assert(x->ttl == y->ttl && x->data_len == y->data_len);
		assert(x->data_len == 0 || memcmp(x->data, y->data, x->data_len) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_DNS_MESSAGE first = { 0 }, second = { 0 };
	char text[NS_MAXDNAME + 1];
	size_t len;
	if (!dns_message_parse(data, size, &first))
		return 0;
	(void)dns_name_text(first.question, text);
	auto_free uint8_t *bytes = dns_message_print(&first, &len);
	if (!bytes) /* compressed more than we do */
		return 0;
	assert(dns_message_parse(bytes, len, &second));
	same(&first, &second);
	return 0;
}
