/* Bodies as clients send them: json. */
#define FUZZ_ENCODING SCHEMA_JSON
#include "tests/fuzz/decode.h"
