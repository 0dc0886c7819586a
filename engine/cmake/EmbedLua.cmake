# Run as a script: cmake -DOUT=file.cpp -DDIR=engine/lua -P EmbedLua.cmake
# Writes one C++ source that holds every engine/lua/<name>-<keys>.lua with its includes put in place.
#
# A line `--- @include "file"` is replaced by engine/lua/includes/<file>.lua, once per script. The names of KEYS in the
# script's header go along, so that their order stands in the header alone: queue/ScriptCall fills them by name, and a
# line `--- @keys` is replaced by a table `keys`, in which "stalled-check" is keys.stalledCheck.

cmake_minimum_required(VERSION 3.22)

file(GLOB scripts ${DIR}/*.lua)
list(SORT scripts)

# CMake would read a bracket or semicolon in the text as list syntax: they travel under other characters.
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

  # The lines `  KEYS[n]  name  type  …` of the header, numbered as they follow, as many as the file name says.
  string(FIND "${text}" "<:SQ_CLOSE:><:SQ_CLOSE:>" at)
  string(SUBSTRING "${text}" 0 ${at} header)
  string(REGEX MATCHALL "\n  KEYS<:SQ_OPEN:>[0-9]+<:SQ_CLOSE:> +[a-z-]+ " lines "${header}")
  set(key_names "")
  set(number 0)
  foreach(line IN LISTS lines)
    math(EXPR number "${number} + 1")
    if(NOT line MATCHES "OPEN:>${number}<:SQ_CLOSE:> +([a-z-]+) ")
      message(FATAL_ERROR "${path}: the header lists another key than KEYS[${number}] at its place")
    endif()
    list(APPEND key_names ${CMAKE_MATCH_1})
  endforeach()
  if(NOT number EQUAL keys)
    message(FATAL_ERROR "${path}: the header names ${number} keys, the file name says ${keys}")
  endif()
  # `--- @keys` becomes a table of them. Brackets and quotes: `repeat` is a word of Lua's own.
  set(table "")
  set(number 0)
  foreach(key IN LISTS key_names)
    math(EXPR number "${number} + 1")
    while(key MATCHES "^(.*)-([a-z])(.*)$")
      string(TOUPPER "${CMAKE_MATCH_2}" capital)
      set(key "${CMAKE_MATCH_1}${capital}${CMAKE_MATCH_3}")
    endwhile()
    list(APPEND table "<:SQ_OPEN:>'${key}'<:SQ_CLOSE:> = KEYS<:SQ_OPEN:>${number}<:SQ_CLOSE:>")
  endforeach()
  list(JOIN table ", " table)
  string(REPLACE "--- @keys" "local keys = { ${table} }" text "${text}")
  list(JOIN key_names " " key_names)

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
  # A string literal is limited to 64 KiB by some compilers; these are far below.
  string(APPEND entries "    {\"${name}\", ${keys}, \"${key_names}\", R\"lua(${text})lua\"},\n")
endforeach()

file(WRITE ${OUT} "// Generated from engine/lua by EmbedLua.cmake.
#include \"redis/EmbeddedScripts.h\"

namespace drover {

const EmbeddedScript kEmbeddedScripts[] = {
${entries}};
const std::size_t kEmbeddedScriptCount = sizeof(kEmbeddedScripts) / sizeof(kEmbeddedScripts[0]);

}  // namespace drover
")
