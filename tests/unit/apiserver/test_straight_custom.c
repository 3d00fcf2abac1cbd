/* Writes of custom kinds from bytes to bytes, and the same by trees: see test_straight.c. */
#include "common/base/jsonx.h"
#include "schemas/canonical.h"
#include "schemas/custom.h"
#include "tests/support/two_ways.h"

#define CRDS   "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define LAMPS  "/apis/example.com/v1/namespaces/default/lamps"
#define STARS  "/apis/example.com/v1/namespaces/default/stars"
#define STRING "{'type':'string'}"
#define CRD(plural, kind, more, versions)                                                          \
	"{'metadata':{'name':'" plural ".example.com'},'spec':{'group':'example.com','scope':"     \
	"'Namespaced','names':{'plural':'" plural "','kind':'" kind "'},'versions':[{'name':'v1'," \
	"'served':true,'storage':true" more ",'schema':{'openAPIV3Schema':{'type':'object',"       \
	"'properties':{" versions "}}}}]}}"
#define LAMP                                                                                             \
	"'apiVersion':" STRING ",'kind':" STRING ",'metadata':{'type':'object'},'alpha':" STRING         \
	",'zeta':" STRING ",'spec':{'type':'object','required':['color'],'properties':{'color':"         \
	"{'type':'string','enum':['red','green']},'watts':{'type':'integer','format':'int32',"           \
	"'minimum':1,'default':40},'share':{'type':'number','minimum':0.5},'note':{'type':"              \
	"'string','maxLength':10,'pattern':'^[a-z]+$'},'day':{'type':'string','format':'date'},"         \
	"'rooms':{'type':'array','maxItems':3,'x-kubernetes-list-type':'map',"                           \
	"'x-kubernetes-list-map-keys':['name'],'items':{'type':'object','required':['name'],"            \
	"'properties':{'name':" STRING ",'size':{'type':'integer','default':7}}}},'tags':{"              \
	"'type':'array','x-kubernetes-list-type':'set','items':" STRING "},'amount':{'anyOf':["          \
	"{'type':'integer'}," STRING "],'x-kubernetes-int-or-string':true},'inner':{'type':"             \
	"'object','default':{'a':{}},'properties':{'a':{'type':'object','properties':{'y':{"             \
	"'type':'string','default':'why'}}}}},'options':{'type':'object','additionalProperties':" STRING \
	"},'maybe':{'type':'string','nullable':true}}},'status':{'type':'object',"                       \
	"'properties':{'on':{'type':'boolean'},'watts':{'type':'integer'}}}"
#define SCALED                                                                                     \
	",'subresources':{'status':{},'scale':{'specReplicasPath':'.spec.watts',"                  \
	"'statusReplicasPath':'.status.watts'}}"
#define LAMP_IS             "{'apiVersion':'example.com/v1','kind':'Lamp',"
#define STAR_IS             "{'apiVersion':'example.com/v1','kind':'Star',"
#define LAMP_OF(name, more) LAMP_IS "'metadata':{'name':'" name "'}" more "}"
#define STAR_OF(name, more) STAR_IS "'metadata':{'name':'" name "'}" more "}"

static const struct row custom_rows[] = {
	{ "POST", CRDS, CRD("lamps", "Lamp", SCALED, LAMP) },
	{ "POST", CRDS, CRD("stars", "Star", "", LAMP) },
	{ "POST", LAMPS,
	  "{'kind':'Lamp','apiVersion':'example.com/v1','spec':{'watts':5,'color':'red','rooms':[{'name':'x'},{'size':3,'name':'y'}],"
	  "'options':{'z':'1','a':''},'tags':['b','a'],'amount':'5k'},'metadata':{'name':'a','labels':"
	  "{'b':'c'}},'zeta':'z','alpha':'','status':{'on':true}}" },
	{ "PUT", LAMPS "/a", LAMP_OF("a", ",'spec':{'color':'green'}") },
	{ "PUT", LAMPS "/a",
	  LAMP_IS "'metadata':{'name':'a','resourceVersion':'%s'},'spec':{"
		  "'color':'red'}}" },
	{ "GET", LAMPS "/a", NULL },
	{ "PUT", LAMPS "/a/status",
	  LAMP_IS
	  "'metadata':{'name':'a','resourceVersion':'%s'},'spec':{'color':'red'},'status':{'on':true}}" },
	{ "PUT", LAMPS "/a?fieldManager=other",
	  LAMP_IS
	  "'metadata':{'name':'a','resourceVersion':'%s'},'spec':{'color':'green','amount':3},'zeta':"
	  "'z','alpha':'a'}" },
	{ "PUT", LAMPS "/a?fieldManager=other",
	  LAMP_IS
	  "'metadata':{'name':'a','resourceVersion':'%s'},'spec':{'color':'green','amount':3},'zeta':"
	  "'z','alpha':'a','status':{'on':false}}" },
	{ "PUT", LAMPS "/a",
	  LAMP_IS
	  "'metadata':{'name':'a','resourceVersion':'%s','labels':{'x':'y'}},'spec':{'color':"
	  "'green','rooms':[{'name':'y'}],'tags':['c']},'status':7}" },
	{ "PUT", LAMPS "/a",
	  LAMP_IS "'metadata':{'name':'a','resourceVersion':'1'},'spec':{'color':'red'}}" },
	{ "POST", LAMPS, LAMP_OF("b", ",'spec':{}") },
	{ "POST", LAMPS, LAMP_OF("b", "") },
	{ "POST", LAMPS, LAMP_IS "'spec':{'color':'red'}}" },
	{ "POST", LAMPS, LAMP_IS "'metadata':{'generateName':'g-'},'spec':{'color':'red'}}" },
	{ "POST", LAMPS, "{'metadata':{'name':'b'},'spec':{'color':'red'}}" },
	{ "POST", LAMPS, "{'kind':'Lamp','metadata':{'name':'b'},'spec':{'color':'red'}}" },
	{ "POST", LAMPS,
	  "{'kind':'Lamp','apiVersion':'','metadata':{'name':'b'},'spec':{'color':'red'}}" },
	{ "POST", LAMPS, STAR_OF("b", ",'spec':{'color':'red'}") },
	{ "POST", LAMPS,
	  "{'apiVersion':'example.com/v1','kind':7,'metadata':{'name':'b'},'spec':{'color':'red'}}" },
	{ "POST", LAMPS, LAMP_OF("b", ",'spec':{'color':'blue'}") },
	{ "POST", LAMPS, LAMP_OF("b", ",'spec':{'color':'red','watts':0}") },
	{ "POST", LAMPS, LAMP_OF("b", ",'spec':{'color':'red','watts':3000000000}") },
	{ "POST", LAMPS, LAMP_OF("b", ",'spec':{'color':'red','watts':'1'}") },
	{ "POST", LAMPS,
	  LAMP_OF("c", ",'spec':{'color':'red','watts':null,'note':null,'maybe':null}") },
	{ "POST", LAMPS,
	  LAMP_OF("d", ",'spec':{'color':'red','share':1,'note':'abc','day':'2026-01-02'}") },
	{ "POST", LAMPS, LAMP_OF("e", ",'spec':{'color':'red','share':1.50}") },
	{ "POST", LAMPS, LAMP_OF("f", ",'spec':{'color':'red','note':'ABC'}") },
	{ "POST", LAMPS, LAMP_OF("f", ",'spec':{'color':'red','note':'abcdefghijk'}") },
	{ "POST", LAMPS, LAMP_OF("f", ",'spec':{'color':'red','day':'today'}") },
	{ "POST", LAMPS,
	  LAMP_OF("f", ",'spec':{'color':'red','rooms':[{'name':'x'},{'name':'x'}]}") },
	{ "POST", LAMPS, LAMP_OF("f", ",'spec':{'color':'red','rooms':[{},{'name':'x'}]}") },
	{ "POST", LAMPS, LAMP_OF("f", ",'spec':{'color':'red','tags':['x','x']}") },
	{ "POST", LAMPS, LAMP_OF("f", ",'spec':{'color':'red','amount':true}") },
	{ "POST", LAMPS, LAMP_OF("g", ",'spec':{'color':'red','unknown':[{}]},'more':1") },
	{ "POST", LAMPS "?fieldValidation=Ignore",
	  LAMP_OF("h",
		  ",'spec':{'color':'red','unknown':[{}],'inner':{'a':{'y':'x'},'b':1}},'more':1") },
	{ "POST", LAMPS "?fieldValidation=Strict", LAMP_OF("i", ",'spec':{'color':'red','b':1}") },
	{ "POST", LAMPS, LAMP_IS "'metadata':{'name':'j','unknown':1},'spec':{'color':'red'}}" },
	{ "POST", LAMPS,
	  LAMP_IS "'metadata':{'name':'j','finalizers':['x']},'spec':{'color':'red'}}" },
	{ "POST", LAMPS,
	  LAMP_IS "'metadata':{'name':'k','labels':{'x':1}},'spec':{'color':'red'}}" },
	{ "POST", LAMPS, LAMP_IS "'metadata':{'name':'K'},'spec':{'color':'red'}}" },
	{ "POST", STARS, STAR_OF("a", ",'spec':{'color':'red'},'status':{'on':true}") },
	{ "PUT", STARS "/a",
	  STAR_IS
	  "'metadata':{'name':'a','resourceVersion':'%s'},'spec':{'color':'red'},'status':{'on':false}}" },
	{ "PUT", STARS "/a",
	  STAR_IS
	  "'metadata':{'name':'a','resourceVersion':'%s'},'spec':{'color':'red'},'zeta':'z'}" },
	{ "GET", CRDS "/stars.example.com", NULL },
	{ "PUT", CRDS "/stars.example.com",
	  "{'metadata':{'name':'stars.example.com','resourceVersion':'%s'},'spec':{'group':'example.com',"
	  "'scope':'Namespaced','names':{'plural':'stars','kind':'Star'},'versions':[{'name':'v1',"
	  "'served':true,'storage':true,'schema':{'openAPIV3Schema':{'type':'object','properties':"
	  "{'spec':{'type':'object','properties':{'size':{'type':'integer'}}}}}}}]}}" },
	{ "POST", STARS, STAR_OF("b", ",'spec':{'size':1}") },
	{ "GET", STARS "/a", NULL },
	{ "PUT", STARS "/a",
	  STAR_IS "'metadata':{'name':'a','resourceVersion':'%s'},'spec':{'size':2}}" },
	{ "DELETE", STARS "/a", NULL },
};

/* A good object of a custom kind. */
static void test_known_custom(void)
{
	static const char definition[] =
		"{\"spec\":{\"versions\":[{\"name\":\"v1\",\"schema\":{\"openAPIV3Schema\":{\"type\":"
		"\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":"
		"\"integer\",\"default\":3},\"a\":{\"type\":\"string\"}}}}}}}]}}";
	static const char text[] =
		"{\"kind\":\"K\",\"apiVersion\":\"g/v1\",\"spec\":{\"a\":\"b\"},\"metadata\":{\"name\":\"x\",\"namespace\":\"d\"}}";
	AUTO_JSON *tree = json_loads(definition, 0, NULL);
	struct custom *custom;
	struct error err;
	AUTO_STR out;
	str_init(&out, 1 << 16);
	CHECK_INT(custom_compile(tree, "v1", &custom, &err), 0);
	const struct canonical_options o = { custom_type(custom), "g/v1", "K", false };
	CHECK(canonical_write(&o, (struct span){ text, strlen(text) }, &out));
	CHECK_TEXT("custom", out.data,
		   "{\"apiVersion\":\"g/v1\",\"kind\":\"K\",\"metadata\":{\"name\":\"x\","
		   "\"namespace\":\"d\"},\"spec\":{\"a\":\"b\",\"n\":3}}");
	custom_free(custom);
}

static void test_rows(void)
{
	char version[ROW_VERSION_SIZE] = "";
	for (size_t i = 0; i < ARRAY_LEN(custom_rows); i++) {
		const struct row *row = &custom_rows[i];
		auto_free char *text = row_text(row->body, version);
		auto_free char *answer = both(text ? text : "", row->method, row->target, text);
		row_version(answer, version);
	}
}

int main(void)
{
	api_world_init(&straight, 7);
	api_world_init(&trees, 7);
	test_known_custom();
	test_rows();
	CHECK(compared == ARRAY_LEN(custom_rows) && made > 10);
	api_world_fini(&straight);
	api_world_fini(&trees);
	return 0;
}
