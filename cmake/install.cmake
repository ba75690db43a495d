# Three packages: the program (gradus), the shared library (libgradus0.1), and what a C++ project
# needs (libgradus-dev). find_package and pkg-config find the last one.
include(CMakePackageConfigHelpers)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # packaging does not build the tests
set(abi ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(config ${CMAKE_INSTALL_LIBDIR}/cmake/gradus)

if(TARGET gradus_app)
  install(TARGETS gradus_app COMPONENT program)
endif()
if(TARGET gradus_core)
  install(TARGETS gradus_headers gradus_core gradus_io gradus_all EXPORT gradus
          ARCHIVE COMPONENT development)
  if(TARGET gradus_so)
    install(TARGETS gradus_so EXPORT gradus LIBRARY COMPONENT library
            NAMELINK_COMPONENT development)
  endif()
  install(EXPORT gradus NAMESPACE gradus:: FILE gradusTargets.cmake DESTINATION ${config}
          COMPONENT development)
endif()
install(DIRECTORY src/gradus DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp"
        PATTERN "*-inl.h" EXCLUDE PATTERN "*_private.h" EXCLUDE PATTERN "app" EXCLUDE)
configure_package_config_file(cmake/gradusConfig.cmake.in gradusConfig.cmake
                              INSTALL_DESTINATION ${config})
# 0.MINOR is the interface while the version starts with 0.
write_basic_package_version_file(gradusConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/gradusConfig.cmake
        ${PROJECT_BINARY_DIR}/gradusConfigVersion.cmake
        DESTINATION ${config} COMPONENT development)
file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(packaging/gradus.pc.in gradus.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/gradus.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT development)
foreach(package program:gradus library:libgradus${abi} development:libgradus-dev)
  string(REPLACE ":" ";" package ${package})
  list(GET package 0 component)
  list(GET package 1 name)
  install(FILES packaging/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name}
          COMPONENT ${component})
  string(TOUPPER ${component} COMPONENT)
  set(CPACK_DEBIAN_${COMPONENT}_PACKAGE_NAME ${name})
endforeach()

if(PROJECT_IS_TOP_LEVEL)
  set(CPACK_GENERATOR DEB)
  set(CPACK_PACKAGE_CONTACT "The Gradus authors <gradus@localhost>")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  set(CPACK_STRIP_FILES ON)
  set(CPACK_DEB_COMPONENT_INSTALL ON)
  set(CPACK_COMPONENTS_ALL program library development)
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  # dpkg-shlibdeps looks for our own library here.
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR})
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
  set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
  set(CPACK_DEBIAN_LIBRARY_PACKAGE_GENERATE_SHLIBS ON)
  set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
  set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libgradus${abi} (= ${PROJECT_VERSION}), \
libhwy-dev, libzip-dev, libmd4c-dev, zlib1g-dev, libtomlplusplus-dev")
  set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "learn, compute and train: the command line of Gradus")
  set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "tensors, derivatives and networks (shared library)")
  set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "tensors, derivatives and networks (for C++)")
  include(CPack)
endif()
