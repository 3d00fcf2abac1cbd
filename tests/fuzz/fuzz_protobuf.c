/* Bodies as clients send them: protobuf. */
#define FUZZ_ENCODING SCHEMA_PROTOBUF
#include "tests/fuzz/decode.h"
