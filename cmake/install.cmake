# What `cmake --install` puts in place: the program, libweir static and shared, the facade headers
# under include/weir/<folder>/, and the two ways to find them: weir.pc and find_package(weir).
#
# A header is public when its folder's facade is made of it, or authors write tests with it; *_int.h and config/kafka.h, which names
# librdkafka, never are.
include(CMakePackageConfigHelpers)

install(TARGETS weir RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
set_target_properties(weir_static PROPERTIES EXPORT_NAME static)
set_target_properties(weir_shared PROPERTIES EXPORT_NAME shared)
install(TARGETS weir_static weir_shared EXPORT weirTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

foreach(folder ${WEIR_FOLDERS})
  if(folder MATCHES "^(base|store)$")
    file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.h)
    list(FILTER headers EXCLUDE REGEX "_int\\.h$")
  else()
    file(GLOB headers ${CMAKE_SOURCE_DIR}/${folder}/${folder}.h
         ${CMAKE_SOURCE_DIR}/${folder}/specification.h)
  endif()
  install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/weir/${folder})
endforeach()
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${CMAKE_SOURCE_DIR}/packaging/prometheus/weir.rules.yml
        DESTINATION ${CMAKE_INSTALL_DATADIR}/weir/prometheus)

# Debian's library folder is two levels deep (lib/x86_64-linux-gnu), others' is one.
file(RELATIVE_PATH WEIR_PC_TO_PREFIX /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
string(REGEX REPLACE "/$" "" WEIR_PC_TO_PREFIX "${WEIR_PC_TO_PREFIX}")
configure_file(${CMAKE_SOURCE_DIR}/packaging/weir.pc.in ${CMAKE_BINARY_DIR}/generated/weir.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/generated/weir.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(WEIR_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/weir)
configure_package_config_file(${CMAKE_SOURCE_DIR}/packaging/weirConfig.cmake.in
                              ${CMAKE_BINARY_DIR}/generated/weirConfig.cmake
                              INSTALL_DESTINATION ${WEIR_PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/weirConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/generated/weirConfig.cmake
              ${CMAKE_BINARY_DIR}/generated/weirConfigVersion.cmake
        DESTINATION ${WEIR_PACKAGE_DIR})
install(EXPORT weirTargets NAMESPACE weir:: DESTINATION ${WEIR_PACKAGE_DIR})
