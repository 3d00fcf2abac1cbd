#include "schemas/quantity.h"

#include "tests/support/check.h"

static const struct {
	const char *text, *canonical; /* NULL: no quantity */
	long long milli, value;
} rows[] = {
	{ "1", "1", 1000, 1 },
	{ "1000m", "1", 1000, 1 },
	{ "0.5", "500m", 500, 1 },
	{ "1024Mi", "1Gi", 1073741824000, 1073741824 },
	{ "1.5Gi", "1536Mi", 1610612736000, 1610612736 },
	{ "512Ki", "512Ki", 524288000, 524288 },
	{ "1023", "1023", 1023000, 1023 },
	{ "1Ki", "1Ki", 1024000, 1024 },
	{ "0.5Ki", "512", 512000, 512 },
	{ "1000", "1k", 1000000, 1000 },
	{ "1500", "1500", 1500000, 1500 },
	{ "2e3", "2e3", 2000000, 2000 },
	{ "1500e0", "1500", 1500000, 1500 },
	{ "12E6", "12e6", 12000000000, 12000000 },
	{ "1E", "1E", 9223372036854775807, 1000000000000000000 },
	{ "0", "0", 0, 0 },
	{ "0Gi", "0", 0, 0 },
	{ "-5m", "-5m", -5, -1 },
	{ "+3", "3", 3000, 3 },
	{ ".5", "500m", 500, 1 },
	{ "1.", "1", 1000, 1 },
	{ "0.0000000001", "1n", 1, 1 },
	{ "100u", "100u", 1, 1 },
	{ "1.1Ki", "1126400m", 1126400, 1127 },
	{ "9223372036854775807", "9223372036854775807", 9223372036854775807, 9223372036854775807 },
	{ "99999999999999999999999999999", "9223372036854775807", 9223372036854775807,
	  9223372036854775807 },
	{ "8Ei", "9223372036854775807", 9223372036854775807, 9223372036854775807 },
	{ "", NULL, 0, 0 },
	{ "1K", NULL, 0, 0 },
	{ "1 Gi", NULL, 0, 0 },
	{ "1.2.3", NULL, 0, 0 },
	{ "abc", NULL, 0, 0 },
	{ "1e", NULL, 0, 0 },
	{ "1Gib", NULL, 0, 0 },
	{ "--1", NULL, 0, 0 },
	{ "1_000", NULL, 0, 0 },
};

int main(void)
{
	char out[QUANTITY_TEXT_SIZE], again[QUANTITY_TEXT_SIZE];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool ok = quantity_canonical(rows[i].text, out);
		CHECK_TEXT(rows[i].text, ok ? out : "none",
			   rows[i].canonical ? rows[i].canonical : "none");
		CHECK_INT(quantity_milli(rows[i].text), rows[i].milli);
		CHECK_INT(quantity_value(rows[i].text), rows[i].value);
		if (ok) {
			CHECK(quantity_canonical(out, again));
			CHECK_TEXT(rows[i].text, again, out);
		}
	}
	quantity_from_milli(1500, out);
	CHECK_TEXT("milli", out, "1500m");
	quantity_from_milli(2000, out);
	CHECK_TEXT("milli", out, "2");
	quantity_from_bytes(1 << 30, out);
	CHECK_TEXT("bytes", out, "1Gi");
	quantity_from_bytes(1000, out);
	CHECK_TEXT("bytes", out, "1k");
	return 0;
}
