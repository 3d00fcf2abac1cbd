# The objects that every cluster has: constant JSON, which system_objects.py makes from system/*.yaml.
file(GLOB system_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/apiserver/system/*.yaml)
set(system_objects ${CMAKE_BINARY_DIR}/generated/system_objects.c)
add_custom_command(
	OUTPUT ${system_objects}
	COMMAND ${SKIFF_PYTHON} ${CMAKE_SOURCE_DIR}/apiserver/system_objects.py ${system_objects} ${system_files}
	DEPENDS ${system_files} ${CMAKE_SOURCE_DIR}/apiserver/system_objects.py
	COMMENT "Making the system's objects")
target_sources(apiserver PRIVATE ${system_objects})
