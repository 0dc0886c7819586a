# drover_add_plugin(NAME SOURCES file... [LIBRARIES target...] [PROPERTIES file] [NO_INSTALL])
#   Builds NAME.so, a handler plugin: one exported symbol, drover_plugin. Needs nothing of the engine but its headers.
# drover_add_service(NAME SOURCES file... [LIBRARIES target...] [PROPERTIES file] [NO_INSTALL])
#   Builds NAME.so, a service plugin: linked against the engine, loaded only by the very same build of it.
#
# Both: a MODULE without "lib" prefix, hidden visibility, every symbol resolved at link time (-z defs) and at load time
# (-z now), so that a plugin with something missing fails in the linker and not in production. They lie in plugins/ of the
# build folder, PROPERTIES beside them as NAME.properties.

function(_drover_add_module name)
  cmake_parse_arguments(arg "NO_INSTALL" "PROPERTIES" "SOURCES;LIBRARIES" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "drover plugin ${name}: unknown arguments ${arg_UNPARSED_ARGUMENTS}; SOURCES, LIBRARIES, PROPERTIES and NO_INSTALL are known")
  endif()
  add_library(${name} MODULE ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES
    PREFIX "" CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins
    # A built file is dropped into a folder as it is. CMake would end its RUNPATH with an empty element, for which the dynamic
    # loader reads the current folder, and remove the RUNPATH from an installed file.
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH_USE_LINK_PATH ON)
  # Unique symbols would bind two plugins, or two generations of one, to the same object (docs/pitfalls.md#d6); clang refuses the flag.
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE -Wl,-z,defs -Wl,-z,now -Wl,--exclude-libs,ALL)
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  if(COMMAND drover_target)
    drover_target(${name})
  endif()
  if(arg_PROPERTIES)
    configure_file(${arg_PROPERTIES} ${CMAKE_BINARY_DIR}/plugins/${name}.properties COPYONLY)
  endif()
  if(NOT arg_NO_INSTALL)
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/drover/plugins)
    if(arg_PROPERTIES)
      install(FILES ${CMAKE_BINARY_DIR}/plugins/${name}.properties DESTINATION ${CMAKE_INSTALL_LIBDIR}/drover/plugins)
    endif()
  endif()
endfunction()

function(drover_add_plugin name)
  _drover_add_module(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE drover::sdk)
  # Hidden visibility leaves the templates of the standard library exported: the linker makes them local as well.
  set(map ${CMAKE_CURRENT_BINARY_DIR}/${name}.map)
  file(CONFIGURE OUTPUT ${map} CONTENT "{ global: drover_plugin; local: *; };\n")
  target_link_options(${name} PRIVATE -Wl,--version-script=${map})
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${map})
endfunction()

function(drover_add_service name)
  _drover_add_module(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE drover::drover)
endfunction()
