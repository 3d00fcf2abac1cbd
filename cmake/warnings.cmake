add_compile_definitions(_GNU_SOURCE SKIFF_VERSION="${PROJECT_VERSION}")
include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)

set(SKIFF_WARNINGS
	-Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
	-Wold-style-definition -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Wvla)
# With -O2 gcc 12 inlines far enough to warn of paths that an assert has closed.
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
	list(APPEND SKIFF_WARNINGS -Wnull-dereference)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
	list(APPEND SKIFF_WARNINGS -Wimplicit-fallthrough=5)
else()
	list(APPEND SKIFF_WARNINGS -Wimplicit-fallthrough)
endif()
if(SKIFF_WERROR)
	list(APPEND SKIFF_WARNINGS -Werror)
endif()

# assert stays on in every build: NDEBUG is never defined.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g -fno-omit-frame-pointer -D_FORTIFY_SOURCE=2 -fstack-protector-strong")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")
# Relative relocations packed (DT_RELR): those of constant tables are else 1 MB that every start reads.
add_link_options(-Wl,-z,relro,-z,now,-z,pack-relative-relocs)

if(SKIFF_SANITIZE)
	add_compile_options(-fsanitize=${SKIFF_SANITIZE} -fno-sanitize-recover=all)
	add_link_options(-fsanitize=${SKIFF_SANITIZE})
endif()
