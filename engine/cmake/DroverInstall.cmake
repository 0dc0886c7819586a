# `cmake --install` gives the binary, the libraries of the engine and of clients, headers for authors of plugins, the CMake package, the
# pkg-config file and examples of configuration; drover_add_plugin() installs the shipped plugins. No path in it is
# absolute: the tree works wherever it is moved to.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/drover)

install(TARGETS drover_bin RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Only the binary opens it, by its path.
install(TARGETS drover_db LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/drover NAMELINK_SKIP)
install(TARGETS drover EXPORT droverServiceTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS drover_client EXPORT droverClientTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS drover_sdk EXPORT droverSdkTargets)
install(EXPORT droverSdkTargets NAMESPACE drover:: DESTINATION ${package_dir})
install(EXPORT droverClientTargets NAMESPACE drover:: DESTINATION ${package_dir})
install(EXPORT droverServiceTargets NAMESPACE drover:: DESTINATION ${package_dir})

# The build stamp is what the headers of service plugins need besides.
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include/drover ${CMAKE_CURRENT_BINARY_DIR}/include/drover
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
# The image of the Dockerfile is built without them.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/conf DESTINATION ${CMAKE_INSTALL_DATADIR}/drover OPTIONAL)

configure_package_config_file(cmake/droverConfig.cmake.in droverConfig.cmake
  INSTALL_DESTINATION ${package_dir} PATH_VARS DROVER_PLUGIN_DIR)
# A plugin of the same major works with every newer engine.
write_basic_package_version_file(droverConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES cmake/DroverAddPlugin.cmake ${CMAKE_CURRENT_BINARY_DIR}/droverConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/droverConfigVersion.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH DROVER_PREFIX_FROM_PC ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" DROVER_PREFIX_FROM_PC ${DROVER_PREFIX_FROM_PC})
configure_file(cmake/drover.pc.in drover.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/drover.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# The binary prints them from the words of its commands.
set(man_page ${CMAKE_CURRENT_BINARY_DIR}/drover.1)
set(man_of_config ${CMAKE_CURRENT_BINARY_DIR}/drover.properties.5)
set(man_of_daemon ${CMAKE_CURRENT_BINARY_DIR}/drover.8)
set(completion ${CMAKE_CURRENT_BINARY_DIR}/drover.bash)
set(zsh_completion ${CMAKE_CURRENT_BINARY_DIR}/_drover)
set(words ${man_page} ${man_of_config} ${man_of_daemon} ${completion} ${zsh_completion})
add_custom_command(
  OUTPUT ${words}
  COMMAND drover_bin help --man > ${man_page}
  COMMAND drover_bin help --man-config > ${man_of_config}
  COMMAND drover_bin help --man-daemon > ${man_of_daemon}
  COMMAND drover_bin help --bash-completion > ${completion}
  COMMAND drover_bin help --zsh-completion > ${zsh_completion}
  DEPENDS drover_bin COMMENT "Printing the man pages and the completions" VERBATIM)
add_custom_target(drover_words ALL DEPENDS ${words})
install(FILES ${man_page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${man_of_config} DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${man_of_daemon} DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME drover)
install(FILES ${zsh_completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
