/* json_memory: what was given back is taken again, the smallest too, and one size keeps out no other. */
#include "common/base/base.h"
#include "common/base/json_memory.h"
#include "tests/support/check.h"

#define MANY 4096

static void test_taken_again(void)
{
	for (size_t n = 1; n <= 300; n++) {
		void *first = json_memory_take(n);
		json_memory_give(first);
		void *again = json_memory_take(n);
		CHECK(again == first);
		json_memory_give(again);
	}
}

static void test_sizes_apart(void)
{
	static void *small[MANY];
	for (size_t i = 0; i < MANY; i++)
		small[i] = json_memory_take(20);
	for (size_t i = 0; i < MANY; i++)
		json_memory_give(small[i]); /* more than is kept of them */
	void *large[8];
	for (size_t i = 0; i < ARRAY_LEN(large); i++)
		large[i] = json_memory_take(200);
	for (size_t i = 0; i < ARRAY_LEN(large); i++)
		json_memory_give(large[i]);
	for (size_t i = ARRAY_LEN(large); i-- > 0;) {
		void *again = json_memory_take(200);
		CHECK(again == large[i]); /* the last first */
	}
	for (size_t i = 0; i < ARRAY_LEN(large); i++)
		json_memory_give(large[i]);
	json_memory_trim();
}

int main(void)
{
	test_taken_again();
	test_sizes_apart();
	return 0;
}
