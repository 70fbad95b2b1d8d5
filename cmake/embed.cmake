# Data files inside the program. busbar_embed(target namespace function files...) compiles
#   std::span<const std::pair<std::string_view, std::string_view>> namespace::function();
# into the target: one pair {file name, text} a file, sorted by name, text lasting for ever.
# The function has no header: declare it in the source that uses it. A changed file rebuilds it.
# Call it after the target's busbar_library.

if(CMAKE_SCRIPT_MODE_FILE)  # run by the build: writes ${output} from ${files}
  string(REPLACE "|" ";" files "${files}")
  set(entries "")
  set(count 0)
  foreach(file ${files})
    file(READ "${file}" text)
    get_filename_component(name "${file}" NAME)
    string(FIND "${text}" ")busbar_file\"" collision)
    if(NOT collision EQUAL -1)
      message(FATAL_ERROR "${file}: contains the delimiter of the generated source")
    endif()
    string(APPEND entries "    {\"${name}\", R\"busbar_file(${text})busbar_file\"},\n")
    math(EXPR count "${count} + 1")
  endforeach()
  file(WRITE "${output}" "// Generated from data files by cmake/embed.cmake.
#include <array>
#include <span>
#include <string_view>
#include <utility>

namespace ${namespace} {

std::span<const std::pair<std::string_view, std::string_view>> ${function}();

std::span<const std::pair<std::string_view, std::string_view>> ${function}() {
    using File = std::pair<std::string_view, std::string_view>;
    static constexpr std::array<File, ${count}> files{{
${entries}    }};
    return files;
}

}  // namespace ${namespace}
")
  return()
endif()

set(BUSBAR_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(busbar_embed target namespace function)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    return()
  endif()
  set(absolute "")
  foreach(file ${ARGN})
    get_filename_component(path "${file}" ABSOLUTE)
    list(APPEND absolute "${path}")
  endforeach()
  list(SORT absolute)
  string(REPLACE ";" "|" joined "${absolute}")
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded/${target}_${function}.cpp)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -Doutput=${output} -Dnamespace=${namespace} -Dfunction=${function}
            "-Dfiles=${joined}" -P ${BUSBAR_EMBED_SCRIPT}
    DEPENDS ${absolute} ${BUSBAR_EMBED_SCRIPT}
    COMMENT "Embedding ${function} into ${target}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
