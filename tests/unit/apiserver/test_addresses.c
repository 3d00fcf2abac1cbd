/*
 * What Services are given: cluster addresses with their IPAddress objects, and node ports; what goes
 * with them, what comes back, and what nobody gets twice.
 */
#include "common/base/jsonx.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define SERVICES  "/api/v1/namespaces/default/services"
#define ADDRESSES "/apis/networking.k8s.io/v1/ipaddresses"
#define RANGES    "/apis/networking.k8s.io/v1/servicecidrs"

#define RUN(w, rows) api_rows_run((w), (rows), ARRAY_LEN(rows))

/* ---- node ports ---- */

/* A Service with `count` node ports from `first` on. */
static char *with_ports(const char *name, unsigned count, unsigned first)
{
	AUTO_STR text;
	str_init(&text, 1 << 16);
	str_addf(&text,
		 "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[",
		 name);
	for (unsigned i = 0; i < count; i++)
		str_addf(&text, "%s{\"name\":\"p%u\",\"port\":%u,\"nodePort\":%u}", i ? "," : "", i,
			 80 + i, first + i);
	str_add(&text, "]}}");
	return str_take(&text);
}

/* As many as there may be are all exchanged at once: twice as many keys are written. */
static void test_ports(struct api_world *w)
{
	auto_free char *many = with_ports("many", 13, 30000);
	auto_free char *first = with_ports("most", 12, 30100),
		       *then = with_ports("most", 12, 30200);
	auto_free char *again = with_ports("again", 12, 30100);
	auto_free char *taken = with_ports("again", 12, 30200);
	const struct api_row rows[] = {
		{ "too many", 0, "POST", SERVICES, many, 422,
		  "spec.ports & must have at most 12 items with node ports" },
		{ "most", 0, "POST", SERVICES, first, 201, "30111" },
		{ "all others", 0, "PUT", SERVICES "/most", then, 200, "30211 & !30111" },
		{ "they are free again", 0, "POST", SERVICES, again, 201, "30111" },
		{ "these are not", 0, "PUT", SERVICES "/again", taken, 422,
		  "provided port is already allocated" },
		{ "away", 0, "DELETE", SERVICES "/most", 0, 200, "" },
		{ "with it", 0, "DELETE", SERVICES "/again", 0, 200, "" },
		{ "and free", 0, "POST", SERVICES, first, 201, "" },
		{ "away", 0, "DELETE", SERVICES "/most", 0, 200, "" },
	};
	RUN(w, rows);
}

int main(void)
{
	struct api_world w;
	api_world_init(&w, 1);
	test_ports(&w);
	api_world_fini(&w);
	puts("addresses: all right");
	return 0;
}
