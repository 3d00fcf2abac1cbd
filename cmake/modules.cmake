# The modules and what each may link. The include direction itself is checked by scripts/check_layers.py.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(MHD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl) # tests only
find_library(HTTP_PARSER http_parser REQUIRED)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(GNUTLS REQUIRED IMPORTED_TARGET gnutls)
pkg_check_modules(PROTOBUFC REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(NFTABLES REQUIRED IMPORTED_TARGET libnftables)
pkg_check_modules(LDNS REQUIRED IMPORTED_TARGET ldns) # tests only
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(CONNTRACK REQUIRED IMPORTED_TARGET libnetfilter_conntrack)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)

# skiff_module(NAME LINKS…): a static library of NAME's folder (FOLDER/*.c and FOLDER/*/*.c), without main.c.
function(skiff_module name folder)
	file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
	file(GLOB nested CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*/*.c)
	list(APPEND sources ${nested})
	list(FILTER sources EXCLUDE REGEX "/main\\.c$")
	if(NOT sources)
		file(WRITE ${CMAKE_BINARY_DIR}/generated/${name}_empty.c "extern int ${name}_empty;\nint ${name}_empty;\n")
		set(sources ${CMAKE_BINARY_DIR}/generated/${name}_empty.c)
	endif()
	add_library(${name} STATIC ${sources})
	target_compile_options(${name} PRIVATE ${SKIFF_WARNINGS})
	target_link_libraries(${name} PUBLIC ${ARGN})
endfunction()

# skiff_program(NAME FOLDER): FOLDER/main.c with the folder's library.
function(skiff_program name folder)
	if(EXISTS ${CMAKE_SOURCE_DIR}/${folder}/main.c)
		add_executable(${name} ${CMAKE_SOURCE_DIR}/${folder}/main.c)
		target_compile_options(${name} PRIVATE ${SKIFF_WARNINGS})
		target_link_libraries(${name} PRIVATE ${folder} ${ARGN})
	endif()
endfunction()

# skiff_protobuf(NAME FILE.proto): generated C without our warnings.
find_program(PROTOC_C protoc-c REQUIRED)
function(skiff_protobuf name proto)
	get_filename_component(base ${proto} NAME_WE)
	set(out ${CMAKE_BINARY_DIR}/generated/proto)
	file(MAKE_DIRECTORY ${out})
	get_filename_component(dir ${CMAKE_SOURCE_DIR}/${proto} DIRECTORY)
	add_custom_command(
		OUTPUT ${out}/${base}.pb-c.c ${out}/${base}.pb-c.h
		COMMAND ${PROTOC_C} --c_out=${out} --proto_path=${dir} ${CMAKE_SOURCE_DIR}/${proto}
		DEPENDS ${CMAKE_SOURCE_DIR}/${proto})
	add_library(${name} STATIC ${out}/${base}.pb-c.c)
	target_compile_options(${name} PRIVATE -w -Ulinux PUBLIC -Ulinux)
	target_include_directories(${name} PUBLIC ${CMAKE_BINARY_DIR}/generated)
	target_link_libraries(${name} PUBLIC PkgConfig::PROTOBUFC)
endfunction()

skiff_module(base common/base PkgConfig::JANSSON m)
include(${CMAKE_SOURCE_DIR}/schemas/schemas.cmake OPTIONAL)
if(NOT TARGET schemas)
	skiff_module(schemas schemas base PkgConfig::YAML)
endif()
skiff_module(plan common/plan schemas base)
if(EXISTS ${CMAKE_SOURCE_DIR}/common/io/proto/cri.proto)
	skiff_protobuf(cri_proto common/io/proto/cri.proto)
	set(CRI_PROTO cri_proto)
endif()
if(EXISTS ${CMAKE_SOURCE_DIR}/apiserver/proto/etcd.proto)
	skiff_protobuf(etcd_proto apiserver/proto/etcd.proto)
	set(ETCD_PROTO etcd_proto)
endif()
skiff_module(io common/io base ${CRI_PROTO} PkgConfig::LIBUV PkgConfig::MHD ${HTTP_PARSER}
	PkgConfig::NGHTTP2 PkgConfig::GNUTLS Threads::Threads)
skiff_module(client common/client io schemas base)
skiff_module(apiserver apiserver io schemas plan base ${ETCD_PROTO} PkgConfig::ZLIB)
include(${CMAKE_SOURCE_DIR}/apiserver/apiserver.cmake)
skiff_module(controller controller client io schemas plan base)
skiff_module(nodeagent nodeagent client io schemas plan base PkgConfig::NFTABLES PkgConfig::MNL
	PkgConfig::CONNTRACK resolv)
skiff_module(cli cli client io schemas plan base)

skiff_program(skiff-apiserver apiserver)
skiff_program(skiff-controller controller)
skiff_program(skiff-nodeagent nodeagent)
skiff_program(skiff cli)

# The pod's first process: static, for an image that holds nothing else; never with sanitizers.
add_executable(skiff-pause ${CMAKE_SOURCE_DIR}/pause/main.c)
target_compile_options(skiff-pause PRIVATE ${SKIFF_WARNINGS} -fno-sanitize=all -Os)
target_link_options(skiff-pause PRIVATE -static -s -fno-sanitize=all)
set_target_properties(skiff-pause PROPERTIES POSITION_INDEPENDENT_CODE OFF)

# What a cluster is made of, without tests and benches.
add_custom_target(programs DEPENDS skiff skiff-apiserver skiff-controller skiff-nodeagent skiff-pause)
