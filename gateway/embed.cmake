# Files that become part of the program: parley_embed(target path…).
#
# `broker/scripts/accept.lua` becomes `embedded/accept_lua.h` in the build tree, made again when the
# file changes:
#
#   accept_lua[]          its bytes, without a NUL behind them
#   ACCEPT_LUA_SIZE       how many
#   ACCEPT_LUA_SHA256     of the bytes, in lower-case hexadecimal, as a string literal
#
# One source file includes the header: every inclusion is a copy. CMake alone does the work; this
# file is also the script that it runs at build time, with INPUT and OUTPUT set.

if(CMAKE_SCRIPT_MODE_FILE)
  get_filename_component(file_name "${INPUT}" NAME)
  string(MAKE_C_IDENTIFIER "${file_name}" symbol)
  string(TOUPPER "${symbol}" macro)
  file(SHA256 "${INPUT}" sha256)
  file(SIZE "${INPUT}" size)
  file(READ "${INPUT}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  # 16 bytes a line.
  string(REPEAT "....." 16 line)
  string(REGEX REPLACE "(${line})" "    \\1\n" bytes "${bytes}")
  file(WRITE "${OUTPUT}" "/* ${file_name}, made by embed.cmake. */
#pragma once

#define ${macro}_SIZE ${size}
#define ${macro}_SHA256 \"${sha256}\"
static const unsigned char ${symbol}[${macro}_SIZE] = {
${bytes}
};
")
  return()
endif()

set(PARLEY_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(parley_embed target)
  set(include_dir ${CMAKE_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${include_dir}/embedded)
  foreach(path IN LISTS ARGN)
    get_filename_component(input ${path} ABSOLUTE)
    get_filename_component(file_name ${path} NAME)
    string(MAKE_C_IDENTIFIER ${file_name} symbol)
    set(output ${include_dir}/embedded/${symbol}.h)
    add_custom_command(
      OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -D INPUT=${input} -D OUTPUT=${output} -P ${PARLEY_EMBED_SCRIPT}
      DEPENDS ${input} ${PARLEY_EMBED_SCRIPT}
      COMMENT "Embedding ${path}"
      VERBATIM)
    target_sources(${target} PRIVATE ${output})
  endforeach()
  target_include_directories(${target} PRIVATE ${include_dir})
endfunction()
