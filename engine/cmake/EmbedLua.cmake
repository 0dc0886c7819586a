# Run as a script: cmake -DOUT=file.cpp -DDIR=engine/lua -P EmbedLua.cmake
# Writes one C++ source that holds every engine/lua/<name>-<keys>.lua with its includes put in place.
#
# A line `--- @include "file"` is replaced by engine/lua/includes/<file>.lua, once per script. The number of keys in the
# file name goes along, so that ScriptRegistry can refuse a call with another count.

cmake_minimum_required(VERSION 3.22)

file(GLOB scripts ${DIR}/*.lua)
list(SORT scripts)

# A bracket or semicolon in the text would be taken for CMake list syntax: they travel under other characters.
function(protect_read path result)
  file(READ ${path} text)
  string(REPLACE "[" "<:SQ_OPEN:>" text "${text}")
  string(REPLACE "]" "<:SQ_CLOSE:>" text "${text}")
  string(REPLACE ";" "<:SEMI:>" text "${text}")
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

set(entries "")
foreach(path IN LISTS scripts)
  get_filename_component(stem ${path} NAME_WE)
  if(NOT stem MATCHES "^([A-Za-z]+)-([0-9]+)$")
    message(FATAL_ERROR "${path}: a script is named <operation>-<number of keys>.lua")
  endif()
  set(name ${CMAKE_MATCH_1})
  set(keys ${CMAKE_MATCH_2})
  protect_read(${path} text)
  set(seen "")
  while(text MATCHES "--- @include \"([A-Za-z]+)\"")
    set(include ${CMAKE_MATCH_1})
    if(include IN_LIST seen)
      set(body "")
    else()
      list(APPEND seen ${include})
      protect_read(${DIR}/includes/${include}.lua body)
    endif()
    # Only the first occurrence, so that a second one meets the `seen` list.
    string(FIND "${text}" "--- @include \"${include}\"" at)
    string(LENGTH "--- @include \"${include}\"" length)
    string(SUBSTRING "${text}" 0 ${at} head)
    math(EXPR after "${at} + ${length}")
    string(SUBSTRING "${text}" ${after} -1 tail)
    set(text "${head}${body}${tail}")
  endwhile()
  string(REPLACE "<:SQ_OPEN:>" "[" text "${text}")
  string(REPLACE "<:SQ_CLOSE:>" "]" text "${text}")
  string(REPLACE "<:SEMI:>" ";" text "${text}")
  # A string literal is limited to 64 KiB by some compilers; ours are far below.
  string(APPEND entries "    {\"${name}\", ${keys}, R\"lua(${text})lua\"},\n")
endforeach()

file(WRITE ${OUT} "// Generated from engine/lua by EmbedLua.cmake.
#include \"redis/EmbeddedScripts.h\"

namespace drover {

const EmbeddedScript kEmbeddedScripts[] = {
${entries}};
const std::size_t kEmbeddedScriptCount = sizeof(kEmbeddedScripts) / sizeof(kEmbeddedScripts[0]);

}  // namespace drover
")
