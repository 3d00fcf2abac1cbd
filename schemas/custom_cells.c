/* The row of a custom object. */
#include "schemas/cells.h"
#include "schemas/custom_internal.h"

json_t *custom_cells(const struct custom *c, const json_t *tree, int64_t now_us)
{
	json_t *row = json_array();
	cell_text(row, json_str_or(tree, "metadata.name", ""));
	for (size_t i = 1; i < c->columns_count; i++)
		cell_age(row, tree, now_us);
	return row;
}
