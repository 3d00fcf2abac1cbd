/* kubectl get --subresource, and clients that want metadata alone. */
#include "tests/support/api_world.h"
#include "tests/support/check.h"

#include <string.h>

#define NS "/apis/apps/v1/namespaces/default/deployments"

int main(void)
{
#define AS(what) "application/json;as=" what ";g=meta.k8s.io;v=v1"
	static const struct {
		const char *target, *accept;
		int status;
		const char *has;
	} gets[] = {
		{ "/status", AS("Table"), 200, "\"name\":\"Up-to-date\"" },
		{ "/status", AS("Table"), 200, "\"cells\":[\"d\",\"0/2\"," },
		{ "/status", AS("PartialObjectMetadata"), 200,
		  "{\"kind\":\"PartialObjectMetadata\"" },
		{ "/scale", AS("Table"), 200, "\"name\":\"Available\",\"type\":\"integer\"" },
		{ "/scale", AS("Table"), 200, "\"cells\":[\"d\",2,0,\"" },
		{ "/scale", AS("Table"), 200, "\"object\":{\"kind\":\"PartialObjectMetadata\"" },
		{ "/scale?includeObject=Object", AS("Table"), 200,
		  "\"object\":{\"kind\":\"Scale\"" },
		{ "/scale?includeObject=None", AS("Table"), 200, "\"object\":null" },
		{ "/scale", AS("PartialObjectMetadata"), 200,
		  "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{"
		  "\"name\":\"d\"" },
		{ "/scale", "application/yaml", 200, "kind: Scale" },
	};
	struct api_world w;
	struct api_answer a;
	api_world_init(&w, 7);
	api_world_call(
		&w, w.admin, "POST", NS, NULL, NULL,
		"{\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":2,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
		"\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\","
		"\"image\":\"i\"}]}}}}",
		20000, &a);
	CHECK(a.status == 201);
	api_answer_fini(&a);
	for (size_t i = 0; i < ARRAY_LEN(gets); i++) {
		auto_free char *target = xasprintf(NS "/d%s", gets[i].target);
		api_world_call(&w, w.admin, "GET", target, NULL, gets[i].accept, NULL, 20000, &a);
		if (a.status != gets[i].status || !strstr(a.body.data, gets[i].has)) {
			fprintf(stderr, "%s %s: %d %.500s\n", gets[i].target, gets[i].accept,
				a.status, a.body.data);
			exit(1);
		}
		api_answer_fini(&a);
	}
	api_world_fini(&w);
	return 0;
}
