#include "schemas/custom_internal.h"
#include "schemas/json_path.h"

static const json_t *find_version(const json_t *definition, const char *name)
{
	const json_t *all = json_dig(definition, "spec.versions");
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *one = json_array_get(all, i);
		if (streq(json_str_or(one, "name", ""), name))
			return one;
	}
	return NULL;
}

/* ".spec.x" → "spec.x" */
static const char *undotted(const char *path)
{
	return path && *path == '.' ? path + 1 : path;
}

static void read_labels(struct custom *c)
{
	const json_t *list = json_object_get(c->version, "selectableFields");
	size_t n = json_array_size(list);
	c->labels = xcalloc(n + 1, sizeof *c->labels);
	for (size_t i = 0; i < n; i++)
		c->labels[i] =
			xstrdup(undotted(json_str_or(json_array_get(list, i), "jsonPath", "")));
}

static void read_subresources(struct custom *c)
{
	const json_t *scale = json_at(c->version, "subresources", "scale");
	c->has_status = json_at(c->version, "subresources", "status") != NULL;
	c->has_scale = scale != NULL;
	c->scale.replicas = undotted(json_str_or(scale, "specReplicasPath", ""));
	c->scale.status_replicas = undotted(json_str_or(scale, "statusReplicasPath", ""));
	c->scale.selector = undotted(json_str(scale, "labelSelectorPath"));
}

static const char *describe_column(struct custom *c, const json_t *column, const char *path)
{
	const char *given = json_str_or(column, "description", "");
	if (*given)
		return given;
	return c->texts[c->texts_count++] = xasprintf(
		       "Custom resource definition column (in JSONPath format): %s", path);
}

static void read_columns(struct custom *c)
{
	static const struct schema_column name = {
		.name = "Name",
		.type = "string",
		.format = "name",
		.description = "Name of the object, unique among its kind and namespace.",
	};
	static const struct schema_column age = {
		.name = "Age",
		.type = "date",
		.format = "",
		.description = "Time since the object was created.",
	};
	const json_t *list = json_object_get(c->version, "additionalPrinterColumns");
	size_t n = json_array_size(list);
	struct error ignored;
	c->columns = xcalloc(n + 2, sizeof *c->columns);
	c->column_paths = xcalloc(n + 2, sizeof *c->column_paths);
	c->texts = xcalloc(n + 1, sizeof *c->texts);
	c->columns[c->columns_count++] = name;
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(list, i);
		const char *path = json_str_or(one, "jsonPath", "");
		if (json_path_check(path, strlen(path), &ignored) < 0)
			break; /* as upstream: those before it are kept */
		c->column_paths[c->columns_count] = path;
		c->columns[c->columns_count++] = (struct schema_column){
			.name = json_str_or(one, "name", ""),
			.type = json_str_or(one, "type", ""),
			.format = json_str_or(one, "format", ""),
			.description = describe_column(c, one, path),
			.priority = (int)json_int_or(one, "priority", 0),
		};
	}
	if (n == 0) {
		c->column_paths[c->columns_count] = ".metadata.creationTimestamp";
		c->columns[c->columns_count++] = age;
	}
}

int custom_compile(const json_t *definition, const char *version, struct custom **ret,
		   struct error *err)
{
	const json_t *found = find_version(definition, version);
	if (!found)
		return error_set(err, ERR_INVALID, "no version \"%s\" in the definition", version);
	struct custom *c = xcalloc(1, sizeof *c);
	c->version = json_deep_copy(found);
	c->meta = schema_type_by_name("apis.meta.v1.ObjectMeta");
	json_t *source = json_at(c->version, "schema", "openAPIV3Schema");
	if (!source) {
		source = json_object();
		json_put(c->version, "schema.openAPIV3Schema", source);
	}
	if (custom_schema_make(source, 0, &c->schema, err) < 0) {
		custom_free(c);
		return err->code;
	}
	custom_tables_make(c);
	read_labels(c);
	read_subresources(c);
	read_columns(c);
	*ret = c;
	return 0;
}

void custom_free(struct custom *c)
{
	if (!c)
		return;
	custom_tables_free(c);
	custom_schema_free(c->schema);
	for (size_t i = 0; c->labels && c->labels[i]; i++)
		free(c->labels[i]);
	free(c->labels);
	for (size_t i = 0; i < c->texts_count; i++)
		free(c->texts[i]);
	free(c->texts);
	free(c->column_paths);
	free(c->columns);
	json_decref(c->version);
	free(c);
}

const struct schema_type *custom_type(const struct custom *c)
{
	return &c->type;
}

const struct custom *custom_of(const struct schema_type *type)
{
	assert(type->is_custom);
	return (const struct custom *)(const void *)type;
}

const struct schema_column *custom_columns(const struct custom *c, size_t *ret_count)
{
	*ret_count = c->columns_count;
	return c->columns;
}

const char *const *custom_field_labels(const struct custom *c)
{
	return (const char *const *)c->labels;
}

bool custom_has_status(const struct custom *c)
{
	return c->has_status;
}

const struct custom_scale *custom_scale(const struct custom *c)
{
	return c->has_scale ? &c->scale : NULL;
}

bool custom_is_head(const char *name)
{
	return streq(name, "apiVersion") || streq(name, "kind") || streq(name, "metadata");
}
