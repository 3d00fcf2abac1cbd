# The schemas module: the folder's sources, the tables that generate.py makes from its YAML files and those
# of characters that unicode.py makes from Python's data.
find_program(SKIFF_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
file(GLOB schema_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schemas/*.yaml)
set(schema_tables ${CMAKE_BINARY_DIR}/generated/schema_tables.c)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
add_custom_command(
	OUTPUT ${schema_tables}
	COMMAND ${SKIFF_PYTHON} ${CMAKE_SOURCE_DIR}/schemas/generate.py ${schema_tables} ${schema_files}
	DEPENDS ${schema_files} ${CMAKE_SOURCE_DIR}/schemas/generate.py
	COMMENT "Making the schema tables")
set(unicode_tables ${CMAKE_BINARY_DIR}/generated/unicode_tables.c)
add_custom_command(
	OUTPUT ${unicode_tables}
	COMMAND ${SKIFF_PYTHON} ${CMAKE_SOURCE_DIR}/schemas/unicode.py ${unicode_tables}
	DEPENDS ${CMAKE_SOURCE_DIR}/schemas/unicode.py
	COMMENT "Making the tables of characters")
skiff_module(schemas schemas base PkgConfig::YAML)
target_sources(schemas PRIVATE ${schema_tables} ${unicode_tables})
