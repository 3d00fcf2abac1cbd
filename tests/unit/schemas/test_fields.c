/* Fields of objects: sets, differences, merges, and what server-side apply makes of them. */
#include "schemas/managed.h"

#include "common/base/jsonx.h"
#include "schemas/field_walk.h"
#include "tests/support/check.h"

static json_t *parse(const char *text)
{
	json_error_t why;
	AUTO_STR quoted;
	str_init(&quoted, 1 << 20);
	for (; *text; text++)
		str_add_char(&quoted, *text == '\'' ? '"' : *text);
	json_t *tree = json_loads(quoted.data, JSON_DECODE_ANY, &why);
	if (!tree)
		fprintf(stderr, "%s in %s\n", why.text, quoted.data);
	CHECK(tree);
	return tree;
}

/* JSON with ' for ". */
static char *show(const json_t *tree)
{
	AUTO_STR text;
	str_init(&text, 1 << 20);
	json_print_sorted(tree, &text);
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '"')
			text.data[i] = '\'';
	return str_take(&text);
}

static const struct schema_type *pod_type(void)
{
	return schema_type_by_name("core.v1.Pod");
}

static void add_path(void *ctx, const char *path)
{
	str_addf(ctx, "%s%s", ((struct str *)ctx)->len ? " " : "", path);
}

static char *paths(const json_t *set)
{
	AUTO_STR text;
	str_init(&text, 1 << 20);
	field_set_each(set, add_path, &text);
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '"')
			text.data[i] = '\'';
	return str_take(&text);
}

static const struct {
	const char *name, *a, *b, *both, *either, *a_only;
} set_rows[] = {
	{ "apart", "{'f:a':{}}", "{'f:b':{}}", "", ".a .b", ".a" },
	{ "same", "{'f:a':{}}", "{'f:a':{}}", ".a", ".a", "" },
	{ "member above", "{'f:a':{'.':{},'f:x':{}}}", "{'f:a':{}}", ".a", ".a .a.x", ".a.x" },
	{ "member below", "{'f:a':{}}", "{'f:a':{'f:x':{}}}", "", ".a .a.x", ".a" },
	{ "elements", "{'f:l':{'k:{\"n\":1}':{'.':{},'f:v':{}},'v:\"t\"':{}}}",
	  "{'f:l':{'k:{\"n\":1}':{'f:v':{}}}}", ".l[n=1].v", ".l[n=1] .l[='t'] .l[n=1].v",
	  ".l[n=1] .l[='t']" },
	{ "nothing", "{}", "{'f:a':{}}", "", ".a", "" },
};

/* Names of elements hold quotes: "k:{\"n\":1}" is k:{"n":1} in a row. */
static json_t *parse_set(const char *text)
{
	AUTO_STR out;
	str_init(&out, 4096);
	for (const char *p = text; *p; p++)
		if (*p == '\'')
			str_add_char(&out, '"');
		else if (*p == '"')
			str_add(&out, "\\\"");
		else
			str_add_char(&out, *p);
	json_t *set = json_loads(out.data, 0, NULL);
	struct error err;
	CHECK(set && field_set_check(set, &err) == 0);
	return set;
}

static void test_sets(void)
{
	for (size_t i = 0; i < ARRAY_LEN(set_rows); i++) {
		AUTO_JSON *a = parse_set(set_rows[i].a), *b = parse_set(set_rows[i].b);
		AUTO_JSON *both = field_set_intersection(a, b), *either = field_set_union(a, b);
		AUTO_JSON *only = field_set_difference(a, b);
		auto_free char *t1 = paths(both), *t2 = paths(either);
		auto_free char *t3 = paths(only);
		CHECK_TEXT(set_rows[i].name, t1, set_rows[i].both);
		CHECK_TEXT(set_rows[i].name, t2, set_rows[i].either);
		CHECK_TEXT(set_rows[i].name, t3, set_rows[i].a_only);
	}
	static const char *const bad[] = { "[]", "{\"f:a\":1}", "{\"x:a\":{}}", "{\"k:1\":{}}",
					   "{\"k:{\":{}}", "{\"v:\":{}}" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err;
		AUTO_JSON *set = json_loads(bad[i], 0, NULL);
		CHECK_INT(field_set_check(set, &err), ERR_MALFORMED);
	}
}

static const struct {
	const char *name, *tree, *fields;
} field_rows[] = {
	{ "scalars", "{'spec':{'nodeName':'n'}}", ".spec.nodeName" },
	{ "labels", "{'metadata':{'labels':{'a':'b'}}}", ".metadata.labels.a" },
	{ "empty map", "{'metadata':{'labels':{}}}", ".metadata.labels" },
	{ "atomic map", "{'spec':{'nodeSelector':{'a':'b'}}}", ".spec.nodeSelector" },
	{ "atomic struct",
	  "{'spec':{'containers':[{'name':'c','env':[{'name':'e','valueFrom':{'secretKeyRef':{"
	  "'key':'k','name':'s'}}}]}]}}",
	  ".spec.containers[name='c'] .spec.containers[name='c'].name "
	  ".spec.containers[name='c'].env[name='e'] .spec.containers[name='c'].env[name='e'].name "
	  ".spec.containers[name='c'].env[name='e'].valueFrom.secretKeyRef" },
	{ "default in a key", "{'spec':{'containers':[{'name':'c','ports':[{'containerPort':1}]}]}}",
	  ".spec.containers[name='c'] .spec.containers[name='c'].name "
	  ".spec.containers[name='c'].ports[containerPort=1,protocol='TCP'] "
	  ".spec.containers[name='c'].ports[containerPort=1,protocol='TCP'].containerPort" },
	{ "set", "{'metadata':{'finalizers':['a','b']}}",
	  ".metadata.finalizers[='a'] .metadata.finalizers[='b']" },
	{ "empty list", "{'spec':{'containers':[]}}", "" },
	{ "atomic list", "{'spec':{'tolerations':[{'key':'k'}]}}", ".spec.tolerations" },
	{ "named twice",
	  "{'spec':{'containers':[{'name':'c','image':'a'},{'name':'c','image':'b'}]}}",
	  ".spec.containers[name='c']" },
};

static void test_fields(void)
{
	for (size_t i = 0; i < ARRAY_LEN(field_rows); i++) {
		AUTO_JSON *tree = parse(field_rows[i].tree);
		AUTO_JSON *set = field_set_of(pod_type(), tree);
		auto_free char *got = paths(set);
		CHECK_TEXT(field_rows[i].name, got, field_rows[i].fields);
		AUTO_JSON *left = field_remove(pod_type(), tree, set);
		if (*field_rows[i].fields) {
			auto_free char *rest = show(left);
			CHECK_TEXT(field_rows[i].name, rest, "{}");
		}
	}
}

static const struct {
	const char *name, *before, *now, *added, *modified, *removed;
} difference_rows[] = {
	{ "nothing", "{'spec':{'nodeName':'n'}}", "{'spec':{'nodeName':'n'}}", "", "", "" },
	{ "first", "{}", "{'metadata':{'labels':{'a':'b'}}}",
	  ".metadata .metadata.labels .metadata.labels.a", "", "" },
	{ "changed", "{'spec':{'nodeName':'n'}}", "{'spec':{'nodeName':'m'}}", "", ".spec.nodeName",
	  "" },
	{ "gone", "{'metadata':{'labels':{'a':'b','c':'d'}}}", "{'metadata':{'labels':{'a':'b'}}}",
	  "", "", ".metadata.labels.c" },
	{ "emptied", "{'metadata':{'labels':{'a':'b'}}}", "{'metadata':{'labels':{}}}", "", "",
	  ".metadata.labels.a" },
	{ "element", "{'spec':{'containers':[{'name':'a','image':'x'}]}}",
	  "{'spec':{'containers':[{'name':'b','image':'x'},{'name':'a','image':'y'}]}}",
	  ".spec.containers[name='b'] .spec.containers[name='b'].image "
	  ".spec.containers[name='b'].name",
	  ".spec.containers[name='a'].image", "" },
	{ "order is no change", "{'metadata':{'finalizers':['a','b']}}",
	  "{'metadata':{'finalizers':['b','a']}}", "", "", "" },
};

static void test_differences(void)
{
	for (size_t i = 0; i < ARRAY_LEN(difference_rows); i++) {
		AUTO_JSON *before = parse(difference_rows[i].before);
		AUTO_JSON *now = parse(difference_rows[i].now);
		struct field_difference d;
		field_compare(pod_type(), before, now, &d);
		auto_free char *added = paths(d.added), *modified = paths(d.modified);
		auto_free char *removed = paths(d.removed);
		CHECK_TEXT(difference_rows[i].name, added, difference_rows[i].added);
		CHECK_TEXT(difference_rows[i].name, modified, difference_rows[i].modified);
		CHECK_TEXT(difference_rows[i].name, removed, difference_rows[i].removed);
		field_difference_fini(&d);
	}
}

/* Finalizers are a set, so letters are enough: what the base has, what is laid over it. */
static const struct {
	const char *base, *over, *merged;
} merge_rows[] = {
	{ "", "ab", "ab" },       { "ab", "", "ab" },       { "ab", "b", "ab" },
	{ "ab", "ba", "ba" },     { "xly", "yx", "lyx" },   { "axb", "ab", "axb" },
	{ "ab", "anb", "anb" },   { "xab", "nab", "xnab" }, { "ab", "bc", "abc" },
	{ "abc", "cn", "abcn" },  { "abc", "ncb", "ancb" }, { "bxa", "ab", "xab" },
};

static json_t *letters(const char *text)
{
	json_t *list = json_array(), *tree = json_object();
	for (; *text; text++)
		json_array_append_new(list, json_stringn(text, 1));
	json_put(tree, "metadata.finalizers", list);
	return tree;
}

static void test_merges(void)
{
	for (size_t i = 0; i < ARRAY_LEN(merge_rows); i++) {
		AUTO_JSON *base = letters(merge_rows[i].base), *over = letters(merge_rows[i].over);
		AUTO_JSON *merged = field_merge(pod_type(), base, over);
		AUTO_JSON *want = letters(merge_rows[i].merged);
		auto_free char *got = show(merged), *expected = show(want);
		CHECK_TEXT(merge_rows[i].over, got, expected);
	}
}

/* ---- managers: a row is a story; "who: object" updates, "who+ object" applies, "who! object"
 * applies by force. What comes of it: the spec's part, then each owner's fields. ---- */

static const struct {
	const char *name;
	const char *steps[6];
	const char *object, *owners;
} stories[] = {
	{ "create",
	  { "a: {'metadata':{'labels':{'x':'1'}}}" },
	  "{'metadata':{'labels':{'x':'1'}}}",
	  "a Update .metadata.labels .metadata.labels.x" },
	{ "two updaters share nothing",
	  { "a: {'metadata':{'labels':{'x':'1'}}}", "b: {'metadata':{'labels':{'x':'2'}}}" },
	  "{'metadata':{'labels':{'x':'2'}}}",
	  "a Update .metadata.labels\nb Update .metadata.labels.x" },
	{ "appliers agree",
	  { "a+ {'metadata':{'labels':{'x':'1'}}}", "b+ {'metadata':{'labels':{'x':'1'}}}" },
	  "{'metadata':{'labels':{'x':'1'}}}",
	  "b Apply .metadata.labels.x\na Apply .metadata.labels.x" },
	{ "appliers disagree",
	  { "a+ {'metadata':{'labels':{'x':'1'}}}", "b+ {'metadata':{'labels':{'x':'2'}}}" },
	  "CONFLICT Apply failed with 1 conflict: conflict with \"a\": .metadata.labels.x", "" },
	{ "force takes over",
	  { "a+ {'metadata':{'labels':{'x':'1','y':'1'}}}",
	    "b! {'metadata':{'labels':{'x':'2'}}}" },
	  "{'metadata':{'labels':{'x':'2','y':'1'}}}",
	  "a Apply .metadata.labels.y\nb Apply .metadata.labels.x" },
	{ "given up and gone",
	  { "a+ {'metadata':{'labels':{'x':'1','y':'1'}}}",
	    "a+ {'metadata':{'labels':{'x':'1'}}}" },
	  "{'metadata':{'labels':{'x':'1'}}}",
	  "a Apply .metadata.labels.x" },
	{ "given up, kept by another",
	  { "a+ {'metadata':{'labels':{'x':'1','y':'1'}}}",
	    "b+ {'metadata':{'labels':{'y':'1'}}}",
	    "a+ {'metadata':{'labels':{'x':'1'}}}" },
	  "{'metadata':{'labels':{'x':'1','y':'1'}}}",
	  "b Apply .metadata.labels.y\na Apply .metadata.labels.x" },
	{ "the last element goes with its list",
	  { "a+ {'spec':{'nodeName':'n','containers':[{'name':'c','image':'i'}]}}",
	    "a+ {'spec':{'nodeName':'n'}}" },
	  "{'spec':{'nodeName':'n'}}",
	  "a Apply .spec.nodeName" },
	{ "an updater's addition to an applied element keeps it",
	  { "a+ {'spec':{'containers':[{'name':'c','image':'i'},{'name':'d'}]}}",
	    "b: {'spec':{'containers':[{'name':'c','image':'i','tty':true},{'name':'d'}]}}",
	    "a+ {'spec':{'containers':[{'name':'d'}]}}" },
	  "{'spec':{'containers':[{'name':'d'}]}}",
	  "a Apply .spec.containers[name='d'] .spec.containers[name='d'].name" },
	{ "conflict with an updater",
	  { "a: {'spec':{'nodeName':'n','hostname':'h'}}", "b+ {'spec':{'nodeName':'m'}}" },
	  "CONFLICT Apply failed with 1 conflict: conflict with \"a\" using v1: .spec.nodeName", "" },
	{ "several conflicts",
	  { "a: {'spec':{'nodeName':'n'}}", "b! {'spec':{'hostname':'h'}}",
	    "c+ {'spec':{'nodeName':'m','hostname':'g'}}" },
	  "CONFLICT Apply failed with 2 conflicts: conflicts with \"b\":\n- .spec.hostname\n"
	  "conflicts with \"a\" using v1:\n- .spec.nodeName", "" },
	{ "an update takes from appliers",
	  { "a+ {'spec':{'nodeName':'n','hostname':'h'}}",
	    "b: {'spec':{'nodeName':'m','hostname':'h'}}" },
	  "{'spec':{'hostname':'h','nodeName':'m'}}",
	  "a Apply .spec.hostname\nb Update .spec.nodeName" },
	{ "nothing changed, nothing owned",
	  { "a: {'spec':{'nodeName':'n'}}", "b: {'spec':{'nodeName':'n'}}" },
	  "{'spec':{'nodeName':'n'}}", "a Update .spec .spec.nodeName" },
	{ "removed fields are nobody's",
	  { "a+ {'spec':{'nodeName':'n','hostname':'h'}}", "b: {'spec':{'hostname':'h'}}" },
	  "{'spec':{'hostname':'h'}}", "a Apply .spec.hostname" },
	{ "status is ignored here",
	  { "a+ {'spec':{'nodeName':'n'},'status':{'phase':'Running'}}" },
	  "{'spec':{'nodeName':'n'},'status':{'phase':'Running'}}", "a Apply .spec.nodeName" },
	{ "kubectl takes what it applied as a client",
	  { "c: {'metadata':{'annotations':{'kubectl.kubernetes.io/last-applied-configuration':"
	    "'{~spec~:{~nodeName~:~n~}}'}},'spec':{'nodeName':'n'}}",
	    "kubectl+ {'spec':{'nodeName':'m'}}" },
	  "{'metadata':{'annotations':{'kubectl.kubernetes.io/last-applied-configuration':"
	  "'{\\'spec\\':{\\'nodeName\\':\\'m\\'}}\\n'}},'spec':{'nodeName':'m'}}",
	  "kubectl Apply .spec.nodeName\nc Update .spec .metadata.annotations "
	  ".metadata.annotations.kubectl.kubernetes.io/last-applied-configuration" },
};

struct story {
	json_t *object, *entries;
	char *conflict;
	int step;
};

static void one_step(struct story *s, const char *text)
{
	char who[32];
	size_t n = strcspn(text, ":+!");
	CHECK(n < sizeof who);
	memcpy(who, text, n);
	who[n] = '\0';
	AUTO_JSON *given = parse(text + n + 2);
	char now[32];
	CHECK(snprintf(now, sizeof now, "2026-01-01T00:00:%02dZ", s->step++) > 0);
	json_t *last = json_dig(given, "metadata.annotations");
	const char *key = "kubectl.kubernetes.io/last-applied-configuration";
	if (json_member_str(last, key)) { /* ~ stands for quotes inside a text */
		auto_free char *inner = xstrdup(json_member_str(last, key));
		for (char *p = inner; *p; p++)
			*p = *p == '~' ? '"' : *p;
		json_object_set_new(last, key, json_string(inner));
	}
	struct managed_writer w = { .type = pod_type(), .api_version = "v1", .manager = who,
				    .subresource = "", .ignored = "status", .now = now };
	json_t *object = NULL, *entries = NULL;
	if (text[n] == ':') {
		struct managed_change change;
		bool is_create = !json_str(s->object, "metadata.uid");
		(void)managed_compare(&w, s->object, given, &change);
		entries = managed_update(&w, s->entries, &change, is_create);
		managed_change_fini(&change);
		object = json_incref(given);
	} else {
		struct managed_conflicts *c = xcalloc(1, sizeof *c);
		if (!managed_apply(&w, s->entries, s->object, given, text[n] == '!', &object,
				   &entries, c)) {
			AUTO_STR why;
			str_init(&why, 65536);
			managed_conflicts_text(c, &why);
			s->conflict = xasprintf("CONFLICT %s", why.data);
		}
		managed_conflicts_fini(c);
		free(c);
	}
	if (s->conflict)
		return;
	json_decref(s->object);
	json_decref(s->entries);
	s->object = object;
	s->entries = entries;
	json_put_str(s->object, "metadata.uid", "u"); /* it exists now */
}

static char *owners(const json_t *entries)
{
	AUTO_STR out;
	str_init(&out, 65536);
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *e = json_array_get(entries, i);
		auto_free char *fields = paths(json_object_get(e, "fieldsV1"));
		str_addf(&out, "%s%s %s %s", i ? "\n" : "", json_str(e, "manager"),
			 json_str(e, "operation"), fields);
	}
	return str_take(&out);
}

static void test_stories(void)
{
	for (size_t i = 0; i < ARRAY_LEN(stories); i++) {
		struct story s = { json_object(), json_array(), NULL, 0 };
		for (size_t k = 0; k < ARRAY_LEN(stories[i].steps) && stories[i].steps[k]; k++)
			one_step(&s, stories[i].steps[k]);
		json_object_del(json_object_get(s.object, "metadata"), "uid");
		if (json_object_size(json_object_get(s.object, "metadata")) == 0)
			json_object_del(s.object, "metadata");
		auto_free char *object = show(s.object), *who = owners(s.entries);
		CHECK_TEXT(stories[i].name, s.conflict ? s.conflict : object, stories[i].object);
		if (!s.conflict)
			CHECK_TEXT(stories[i].name, who, stories[i].owners);
		json_decref(s.object);
		json_decref(s.entries);
		free(s.conflict);
	}
}

/* Ten updaters at most; the oldest are folded together. */
static void test_cap(void)
{
	struct story s = { json_object(), json_array(), NULL, 0 };
	for (int i = 0; i < 13; i++) {
		AUTO_STR step;
		str_init(&step, 4096);
		str_addf(&step, "m%02d: {'metadata':{'labels':{", i);
		for (int k = 0; k <= i; k++)
			str_addf(&step, "%s'l%02d':'v'", k ? "," : "", k);
		str_add(&step, "}}}");
		one_step(&s, step.data);
	}
	CHECK_INT(json_array_size(s.entries), MANAGED_UPDATERS_MAX);
	const json_t *first = json_array_get(s.entries, 0);
	CHECK_TEXT("bucket", json_str(first, "manager"), "ancient-changes");
	auto_free char *fields = paths(json_object_get(first, "fieldsV1"));
	CHECK_TEXT("bucket", fields,
		   ".metadata.labels .metadata.labels.l00 .metadata.labels.l01 .metadata.labels.l02 "
		   ".metadata.labels.l03");
	json_decref(s.object);
	json_decref(s.entries);
}

static void test_begin(void)
{
	static const struct {
		const char *name, *stored, *sent;
		size_t count;
	} rows[] = {
		{ "stored", "[{'manager':'a','operation':'Update','fieldsType':'FieldsV1',"
			    "'fieldsV1':{'f:a':{}}}]", "null", 1 },
		{ "cleared", "[{'manager':'a','operation':'Update','fieldsType':'FieldsV1',"
			     "'fieldsV1':{'f:a':{}}}]", "[]", 0 },
		{ "cleared by [{}]", "[{'manager':'a','operation':'Update','fieldsType':"
				     "'FieldsV1','fieldsV1':{'f:a':{}}}]", "[{}]", 0 },
		{ "rubbish is not taken", "[{'manager':'a','operation':'Update','fieldsType':"
					  "'FieldsV1','fieldsV1':{'f:a':{}}}]",
		  "[{'manager':'b','operation':'Update','fieldsType':'FieldsV1','fieldsV1':"
		  "{'a':1}},{'manager':'c'}]", 1 },
		{ "none", "null", "null", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_JSON *stored = parse(rows[i].stored), *sent = parse(rows[i].sent);
		AUTO_JSON *entries = managed_begin(stored, sent);
		CHECK_INT(json_array_size(entries), rows[i].count);
	}
}

int main(void)
{
	test_sets();
	test_fields();
	test_differences();
	test_merges();
	test_stories();
	test_cap();
	test_begin();
	return 0;
}
