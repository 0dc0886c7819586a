# Run as a script: cmake -DOUT=file.cpp -DDIR=engine/templates/plugin -P EmbedTemplates.cmake
# Writes one C++ source that holds every <file>.in of DIR under its name without ".in".

cmake_minimum_required(VERSION 3.22)

file(GLOB templates ${DIR}/*.in)
list(SORT templates)

set(entries "")
foreach(path IN LISTS templates)
  get_filename_component(name ${path} NAME)
  string(REGEX REPLACE "\\.in$" "" name ${name})
  file(READ ${path} text)
  string(APPEND entries "    {\"${name}\", R\"template(${text})template\"},\n")
endforeach()

file(WRITE ${OUT} "// Generated from engine/templates by EmbedTemplates.cmake.
#include \"cli/commands/PluginTemplates.h\"

namespace drover::cli {

const PluginTemplate kPluginTemplates[] = {
${entries}};
const std::size_t kPluginTemplateCount = sizeof(kPluginTemplates) / sizeof(kPluginTemplates[0]);

}  // namespace drover::cli
")
