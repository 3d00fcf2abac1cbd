/*
 * Writes from bytes to bytes and writes by trees are the same writes: two servers of one seed get the same
 * requests, one as JSON, the other as YAML, which always goes by trees; and again as messages, of which
 * one says a field twice, which goes by trees. Answers, warnings and what is stored must be equal to the
 * last byte, for rows below and for each object of the golden scenes.
 */
#include "schemas/canonical.h"
#include "schemas/sound.h"
#include "schemas/wire.h"
#include "tests/support/scenes.h"
#include "tests/support/two_ways.h"

#include <ctype.h>
#include <dirent.h>

/* A message; and the same behind an empty metadata, which does not count: nobody writes a field twice. */
static char *both_wire(const char *what, const char *method, const char *target,
		       const struct schema_kind *k, const json_t *tree)
{
	static const char type[] = "application/vnd.kubernetes.protobuf";
	AUTO_STR message, one, other, version;
	struct error err;
	str_init(&message, 1 << 22);
	str_init(&one, 1 << 22);
	str_init(&other, 1 << 22);
	str_init(&version, 256);
	schema_api_version(k, &version);
	CHECK_INT(schema_encode_message(k->type, tree, &message, &err), 0);
	schema_add_envelope(version.data, k->kind, message.data, message.len, &one);
	AUTO_STR twice;
	str_init(&twice, 1 << 22);
	wire_add_bytes(&twice, schema_field_of(k->type, "metadata")->proto, "", 0);
	str_add_bytes(&twice, message.data, message.len);
	schema_add_envelope(version.data, k->kind, twice.data, twice.len, &other);
	return both_ways(what, method, target, (struct way){ type, one.data, one.len },
			 (struct way){ type, other.data, other.len });
}

/* ---- rows: %s stands for the version of the last answer ---- */

#define MAPS     "/api/v1/namespaces/default/configmaps"
#define ACCOUNTS "/api/v1/namespaces/default/serviceaccounts"
#define LEASES   "/apis/coordination.k8s.io/v1/namespaces/default/leases"
#define SLICES   "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"

static const struct row rows[] = {
	{ "POST", MAPS,
	  "{'metadata':{'name':'a','labels':{'z':'1','b':'2'}},'data':{'k':'v','a':''}}" },
	{ "PUT", MAPS "/a", "{'metadata':{'name':'a'},'data':{'k':'w'}}" },
	{ "PUT", MAPS "/a?fieldManager=other",
	  "{'metadata':{'name':'a'},'data':{'k':'w','n':'x'}}" },
	{ "PUT", MAPS "/a?fieldManager=other",
	  "{'metadata':{'name':'a'},'data':{'k':'w','n':'x'}}" },
	{ "PUT", MAPS "/a?fieldManager=third", "{'metadata':{'name':'a'},'data':{}}" },
	{ "PUT", MAPS "/a", "{'metadata':{'name':'a','resourceVersion':'1'},'data':{'k':'x'}}" },
	{ "PUT", MAPS "/a", "{'metadata':{'name':'a','resourceVersion':'%s'},'data':{'k':'y'}}" },
	{ "PUT", MAPS "/a", "{'metadata':{'name':'a','uid':'no'},'data':{'k':'y'}}" },
	{ "PUT", MAPS "/a", "{'metadata':{'name':'b'},'data':{'k':'y'}}" },
	{ "PUT", MAPS "/none", "{'metadata':{'name':'none'}}" },
	{ "POST", MAPS, "{'metadata':{'name':'a'}}" },
	{ "POST", MAPS, "{'metadata':{'generateName':'g-'},'data':{'k':'v'}}" },
	{ "POST", MAPS, "{'metadata':{'name':'','generateName':''}}" },
	{ "POST", MAPS, "{'metadata':{'name':'UPPER'}}" },
	{ "POST", MAPS, "{'metadata':{'name':'v','resourceVersion':'3'}}" },
	{ "POST", MAPS, "{'metadata':{'name':'ns','namespace':'other'}}" },
	{ "POST", MAPS, "{'metadata':{'name':'u'},'data':{'k':1}}" },
	{ "POST", MAPS, "{'metadata':{'name':'u'},'nonsense':true,'data':{'k':'v'}}" },
	{ "POST", MAPS "?fieldValidation=Ignore",
	  "{'metadata':{'name':'u1'},'nonsense':[{}],'data':{'k':'v'}}" },
	{ "POST", MAPS "?fieldValidation=Strict", "{'metadata':{'name':'u2'},'nonsense':true}" },
	{ "POST", MAPS "?fieldValidation=what", "{'metadata':{'name':'u3'}}" },
	{ "POST", MAPS "?dryRun=All", "{'metadata':{'name':'dry'},'data':{'k':'v'}}" },
	{ "POST", MAPS, "{'apiVersion':'v2','metadata':{'name':'u4'}}" },
	{ "POST", MAPS, "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'u5'}}" },
	{ "POST", MAPS, "{'kind':'Secret','metadata':{'name':'u6'}}" },
	{ "POST", MAPS, "{'metadata':{'name':'l','labels':{'bad key':'x'}}}" },
	{ "POST", MAPS, "{'metadata':{'name':'l','labels':{'k':'bad value'}}}" },
	{ "POST", MAPS, "{'metadata':{'name':'an','annotations':{'K/Y':'any text','b':''}}}" },
	{ "POST", MAPS, "{'metadata':{'name':'an2','annotations':{'bad key':''}}}" },
	{ "POST", MAPS,
	  "{'metadata':{'name':'o','ownerReferences':[{'apiVersion':'v1','kind':'Pod','name':'p',"
	  "'uid':'u','controller':true}],'finalizers':['a/b','x.io/y']},'data':{'k':'v'}}" },
	{ "POST", MAPS,
	  "{'metadata':{'name':'o2','ownerReferences':[{'apiVersion':'v1','kind':'Pod','name':'p'}]}}" },
	{ "POST", MAPS, "{'metadata':{'name':'o3','finalizers':['orphan','foregroundDeletion']}}" },
	{ "POST", MAPS,
	  "{'metadata':{'name':'d','deletionTimestamp':'2026-01-01T00:00:00Z',"
	  "'deletionGracePeriodSeconds':0,'generation':7,'uid':'mine','selfLink':'x',"
	  "'creationTimestamp':null}}" },
	{ "DELETE", MAPS "/o", NULL },
	{ "PUT", MAPS "/o", "{'metadata':{'name':'o','finalizers':['a/b']},'data':{'k':'v'}}" },
	{ "PUT", MAPS "/o", "{'metadata':{'name':'o','finalizers':[]},'data':{'k':'v'}}" },
	{ "POST", MAPS, "{'metadata':{'name':'key'},'data':{'bad key':'v'}}" },
	{ "POST", MAPS,
	  "{'metadata':{'name':'twice'},'data':{'k':'v'},'binaryData':{'k':'YQ=='}}" },
	{ "POST", MAPS, "{'metadata':{'name':'bytes'},'binaryData':{'k':'YQ=='}}" },
	{ "POST", MAPS, "{'metadata':{'name':'bad'},'binaryData':{'k':'Y'}}" },
	{ "POST", MAPS, "{'metadata':{'name':'fix'},'data':{'k':'v'},'immutable':true}" },
	{ "PUT", MAPS "/fix", "{'metadata':{'name':'fix'},'data':{'k':'w'},'immutable':true}" },
	{ "PUT", MAPS "/fix",
	  "{'metadata':{'name':'fix','labels':{'a':'b'}},'data':{'k':'v'},'immutable':true}" },
	{ "POST", MAPS,
	  "{'metadata':{'name':'m','managedFields':[{'manager':'x','operation':'Update',"
	  "'apiVersion':'v1','fieldsType':'FieldsV1','fieldsV1':{'f:data':{'f:k':{}}}}]},'data':{'k':'v'}}" },
	{ "PUT", MAPS "/m", "{'metadata':{'name':'m','managedFields':[]},'data':{'k':'v'}}" },
	{ "PUT", MAPS "/m", "{'metadata':{'name':'m','managedFields':[{}]},'data':{'k':'w'}}" },
	{ "PUT", MAPS "/m",
	  "{'metadata':{'name':'m','managedFields':[{'manager':'y','operation':'No'}]},'data':{'k':'w'}}" },
	{ "POST", "/api/v1/namespaces/none/configmaps", "{'metadata':{'name':'a'}}" },
	{ "POST", "/api/v1/namespaces/default/secrets",
	  "{'metadata':{'name':'s'},'data':{'k':'YQ=='}}" },
	{ "PUT", "/api/v1/namespaces/default/secrets/s",
	  "{'metadata':{'name':'s'},'data':{'k':'Yg=='},'type':'Opaque'}" },
	{ "PUT", "/api/v1/namespaces/default/secrets/s",
	  "{'metadata':{'name':'s'},'type':'other'}" },
	{ "POST", "/api/v1/namespaces/default/secrets",
	  "{'metadata':{'name':'s2'},'stringData':{'k':'a'}}" },
	{ "POST", "/api/v1/namespaces/default/secrets",
	  "{'metadata':{'name':'s3'},'type':'kubernetes.io/tls'}" },
	{ "POST", "/api/v1/namespaces/default/secrets",
	  "{'metadata':{'name':'s4'},'type':'helm.sh/release.v1','data':{'r':'YQ=='}}" },
	{ "POST", ACCOUNTS,
	  "{'metadata':{'name':'a'},'secrets':[{'name':'s'},{'name':'t'}],'imagePullSecrets':[{'name':"
	  "'p'},{}],'automountServiceAccountToken':false}" },
	{ "PUT", ACCOUNTS "/a", "{'metadata':{'name':'a'},'secrets':[{'name':'t'},{'name':'u'}]}" },
	{ "PUT", ACCOUNTS "/a?fieldManager=other",
	  "{'metadata':{'name':'a','labels':{'skiff.dev/role':'deploy'}}}" },
	{ "PUT", ACCOUNTS "/a", "{'metadata':{'name':'a','labels':{'b':'c'}},'secrets':[{},{}]}" },
	{ "POST", ACCOUNTS,
	  "{'metadata':{'name':'b','annotations':{'kubernetes.io/enforce-mountable-secrets':'true'}}}" },
	{ "POST", ACCOUNTS, "{'metadata':{'name':'UP'}}" },
	{ "POST", LEASES,
	  "{'metadata':{'name':'l'},'spec':{'holderIdentity':'a','leaseTransitions':1,"
	  "'leaseDurationSeconds':15,'renewTime':'2026-01-01T00:00:00.5Z'}}" },
	{ "PUT", LEASES "/l",
	  "{'metadata':{'name':'l','resourceVersion':'%s'},'spec':{'holderIdentity':'b',"
	  "'leaseTransitions':2,'leaseDurationSeconds':15,'acquireTime':null}}" },
	{ "PUT", LEASES "/l", "{'metadata':{'name':'l'},'spec':{'holderIdentity':'c'}}" },
	{ "PUT", LEASES "/made", "{'metadata':{'name':'made'},'spec':{'holderIdentity':''}}" },
	{ "POST", LEASES, "{'metadata':{'name':'l2'},'spec':{'leaseDurationSeconds':0}}" },
	{ "POST", LEASES, "{'metadata':{'name':'l3'},'spec':{'preferredHolder':'x'}}" },
	{ "POST", "/api/v1/namespaces/default/events",
	  "{'metadata':{'name':'e'},'involvedObject':{'kind':'Pod','namespace':'default','name':'p'},'reason':'r',"
	  "'message':'m','type':'Normal','count':3,'firstTimestamp':'2026-01-01T02:00:00+02:00','source':{'component':'c'}}" },
	{ "POST", "/api/v1/namespaces/default/events",
	  "{'metadata':{'name':'e2'},'involvedObject':{'namespace':'x'}}" },
	{ "POST", "/api/v1/namespaces/default/events",
	  "{'metadata':{'name':'e3'},'involvedObject':{'namespace':'default'},'eventTime':'2026-01-01T00:00:00.1Z',"
	  "'reportingComponent':'a/b','reportingInstance':'i','action':'a','reason':'r'}" },
	{ "POST", "/api/v1/namespaces/default/events",
	  "{'metadata':{'name':'e4'},'involvedObject':{'namespace':'default'},'eventTime':'2026-01-01T00:00:00.1Z'}" },
	{ "POST", SLICES,
	  "{'metadata':{'name':'x'},'addressType':'IPv4','endpoints':[{'addresses':['10.1.2.3'],"
	  "'conditions':{'ready':true},'nodeName':'n'}],'ports':[{'name':'','port':80}]}" },
	{ "PUT", SLICES "/x",
	  "{'metadata':{'name':'x'},'addressType':'IPv4','endpoints':[{'addresses':['10.1.2.4'],"
	  "'conditions':{'ready':false}}],'ports':[{'name':'p','port':80,'protocol':'UDP'}]}" },
	{ "PUT", SLICES "/x",
	  "{'metadata':{'name':'x','labels':{'a':'b'}},'addressType':'IPv4','endpoints':[{'addresses':"
	  "['10.1.2.4'],'conditions':{'ready':false}}],'ports':[{'name':'p','port':80,'protocol':'UDP'}]}" },
	{ "PUT", SLICES "/x", "{'metadata':{'name':'x'},'addressType':'IPv6'}" },
	{ "POST", SLICES,
	  "{'metadata':{'name':'y'},'addressType':'IPv4','endpoints':[{'addresses':['127.0.0.1']}]}" },
	{ "POST", SLICES,
	  "{'metadata':{'name':'z'},'addressType':'IPv4','ports':[{'port':80,'protocol':'ICMP'}]}" },
	{ "POST", "/api/v1/namespaces/default/resourcequotas",
	  "{'metadata':{'name':'q'},'spec':{'hard':{'configmaps':'12'}}}" },
	{ "POST", MAPS, "{'metadata':{'name':'q1'}}" },
	{ "POST", MAPS, "{'metadata':{'name':'q2'}}" },
	{ "PUT", MAPS "/q1", "{'metadata':{'name':'q1'},'data':{'k':'v'}}" },
	{ "DELETE", "/api/v1/namespaces/default/resourcequotas/q", NULL },
};

/* The kind that a row's target names. */
static const struct schema_kind *kind_of(const char *target)
{
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		auto_free char *path = xasprintf("/%s/", k->group),
			       *name = xasprintf("/%s", k->resource);
		const char *at = strstr(target, name);
		if (at && !isalpha(at[strlen(name)]) &&
		    (*k->group ? strstr(target, path) != NULL : starts_with(target, "/api/")))
			return k;
	}
	return NULL;
}

/* A row in namespace `ns`, as JSON or, where it is an object, as a message. */
static char *run_row(const struct row *row, const char *ns, bool by_wire, const char *version)
{
	const char *home = strstr(row->target, "default");
	auto_free char *target = home ? xasprintf("%.*s%s%s", (int)(home - row->target),
						  row->target, ns, home + strlen("default"))
				      : xstrdup(row->target);
	auto_free char *text = row_text(row->body, version);
	AUTO_JSON *tree = NULL;
	struct error err;
	const struct schema_kind *k = kind_of(target);
	if (!k)
		fprintf(stderr, "%s\n", target);
	CHECK(k != NULL);
	if (by_wire && text &&
	    schema_decode(k->type, SCHEMA_JSON, text, strlen(text), &tree, NULL, &err) == 0)
		return both_wire(text, row->method, target, k, tree);
	return both(text ? text : "", row->method, target, text);
}

static void test_rows(const char *ns, bool by_wire)
{
	char version[ROW_VERSION_SIZE] = "";
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_free char *answer = run_row(&rows[i], ns, by_wire, version);
		row_version(answer, version);
	}
}

/* ---- scenes ---- */

static void write_object(const struct scene *s, json_t *tree)
{
	const struct schema_kind *k = s->kind;
	json_t *metadata = json_object_get(tree, "metadata");
	json_object_del(metadata, "namespace");
	AUTO_STR path, body;
	str_init(&path, 1024);
	str_init(&body, 1 << 22);
	str_addf(&path, "%s%s/%s%s/%s", *k->group ? "/apis/" : "/api", k->group, k->version,
		 k->is_namespaced ? "/namespaces/default" : "", k->resource);
	json_print(tree, &body);
	free(both(s->head, "POST", path.data, body.data));
	const char *name = json_str_or(metadata, "name", "");
	if (!*name || strpbrk(name, "/ %?#"))
		return;
	str_addf(&path, "/%s", name);
	json_put_str(tree, "metadata.labels.changed", "yes");
	str_clear(&body);
	json_print(tree, &body);
	free(both(s->head, "PUT", path.data, body.data));
	free(both(s->head, "DELETE", path.data, NULL));
	if (k->custom || !schema_field_of(k->type, "metadata"))
		return;
	const char *collection = strrchr(path.data, '/');
	auto_free char *parent = xstrndup(path.data, (size_t)(collection - path.data));
	free(both_wire(s->head, "POST", parent, k, tree));
	json_put_str(tree, "metadata.labels.changed", "again");
	free(both_wire(s->head, "PUT", path.data, k, tree));
	free(both(s->head, "DELETE", path.data, NULL));
}

static void run(struct scene *s)
{
	AUTO_STR ignored;
	str_init(&ignored, 1 << 18);
	for (int part = 0; part < 2; part++) {
		if (!s->parts[part].len)
			continue;
		AUTO_JSON *tree = scene_parse(s, (size_t)part, &ignored);
		if (tree)
			write_object(s, tree);
	}
}

/* ---- patches of a status, which are laid over a part of the object: with a spec over all of it ---- */

#define DEPLOYMENTS "/apis/apps/v1/namespaces/default/deployments"

static void test_statuses(void)
{
	static const char deployment[] =
		"{\"metadata\":{\"name\":\"d\",\"labels\":{\"a\":\"b\"}},\"spec\":{\"selector\":"
		"{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"
		"\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}";
	static const char *const patches[] = {
		"\"status\":{\"replicas\":3,\"conditions\":[{\"type\":\"A\",\"status\":\"True\"}]}",
		"\"status\":{\"replicas\":3,\"conditions\":[{\"type\":\"B\",\"status\":\"True\"}]}",
		"\"status\":{\"conditions\":null}",
		"\"status\":{\"nonsense\":1}",
		"\"status\":null",
		"\"metadata\":{\"labels\":{\"c\":\"d\"},\"name\":\"other\"}",
		"\"metadata\":{\"labels\":{\"c\":\"d\"},\"resourceVersion\":\"1\"}",
		"\"metadata\":{\"labels\":{\"c\":\"d\"},\"annotations\":{\"e\":\"f\"}}",
		"\"metadata\":null",
		"\"kind\":\"Deployment\"",
		"\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"status\":{\"replicas\":-1}",
	};
	static const char *const types[] = { "application/strategic-merge-patch+json",
					     "application/merge-patch+json" };
	free(both("a deployment", "POST", DEPLOYMENTS, deployment));
	for (size_t i = 0; i < ARRAY_LEN(patches) * ARRAY_LEN(types); i++) {
		const char *type = types[i % 2];
		auto_free char *one = xasprintf("{%s}", patches[i / 2]);
		auto_free char *other = xasprintf("{%s,\"spec\":{}}", patches[i / 2]);
		free(both_ways(one, "PATCH", DEPLOYMENTS "/d/status",
			       (struct way){ type, one, strlen(one) },
			       (struct way){ type, other, strlen(other) }));
	}
}

/* ---- and it is not by trees that the common ones go ---- */

static void test_known(void)
{
	static const struct {
		const char *group, *version, *kind, *text;
	} good[] = {
		{ "", "v1", "ConfigMap",
		  "{'metadata':{'name':'a','namespace':'d'},'data':{'k':'v'}}" },
		{ "", "v1", "Secret",
		  "{'metadata':{'name':'a','namespace':'d'},'data':{'k':'YQ=='}}" },
		{ "", "v1", "ServiceAccount",
		  "{'metadata':{'name':'a','namespace':'d'},'secrets':[{'name':'s'}]}" },
		{ "", "v1", "Event",
		  "{'metadata':{'name':'a','namespace':'d'},'involvedObject':{'namespace':'d'}}" },
		{ "coordination.k8s.io", "v1", "Lease",
		  "{'metadata':{'name':'a','namespace':'d'},'spec':{'leaseDurationSeconds':40}}" },
		{ "discovery.k8s.io", "v1", "EndpointSlice",
		  "{'metadata':{'name':'a','namespace':'d'},'addressType':'IPv4','endpoints':[{'addresses':"
		  "['10.0.0.1'],'conditions':{'ready':true}}],'ports':[{'name':'p','port':1}]}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		const struct schema_kind *k =
			schema_kind_by_kind(good[i].group, good[i].version, good[i].kind);
		AUTO_STR version, out;
		str_init(&version, 256);
		str_init(&out, 1 << 16);
		schema_api_version(k, &version);
		auto_free char *text = xstrdup(good[i].text);
		for (char *p = text; *p; p++)
			*p = *p == '\'' ? '"' : *p;
		const struct canonical_options o = { k->type, version.data, k->kind, false };
		CHECK(canonical_write(&o, (struct span){ text, strlen(text) }, &out));
		CHECK(sound_kind(k) &&
		      sound_object(k, (struct span){ out.data, out.len }, (struct span){ 0 }));
		AUTO_JSON *tree = json_loadb(out.data, out.len, 0, NULL);
		AUTO_STR message, again;
		struct error err;
		str_init(&message, 1 << 16);
		str_init(&again, 1 << 16);
		CHECK_INT(schema_encode_protobuf(k->type, version.data, k->kind, tree, &message,
						 &err),
			  0);
		CHECK(canonical_write_wire(&o, (struct span){ message.data, message.len }, &again));
		CHECK_TEXT(k->kind, again.data, out.data);
	}
}

int main(void)
{
	api_world_init(&straight, 7);
	api_world_init(&trees, 7);
	test_known();
	test_rows("default", false);
	free(both("a namespace", "POST", "/api/v1/namespaces",
		  "{\"metadata\":{\"name\":\"wire\"}}"));
	test_rows("wire", true);
	test_statuses();
	DIR *folder = opendir("tests/golden/validation");
	CHECK(folder != NULL);
	for (struct dirent *d = readdir(folder); d; d = readdir(folder)) {
		auto_free char *path = xasprintf("tests/golden/validation/%s", d->d_name);
		if (strstr(d->d_name, ".txt"))
			scenes_read(path, "case", run);
	}
	CHECK_INT(closedir(folder), 0);
	CHECK(compared > 1000 && made > 100);
	api_world_fini(&straight);
	api_world_fini(&trees);
	return 0;
}
