/* Bodies as clients send them: yaml. */
#define FUZZ_ENCODING SCHEMA_YAML
#include "tests/fuzz/decode.h"
