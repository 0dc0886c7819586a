# Sets the options that every target of this project is compiled with, by functions on a target: no directory-wide
# settings.

# drover_target(TARGET): warnings, language level, visibility, sanitizers.
function(drover_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # What a library exports is marked, see drover/Export.h.
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow "$<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor;-Woverloaded-virtual>" -Werror=return-type)
  # g++ 12 warns wrongly of `"text" + std::string` when it optimises (GCC bugs 105329 and 105651).
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
  if(DROVER_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${DROVER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${DROVER_SANITIZE})
  endif()
  if(DROVER_FAILPOINTS)
    target_compile_definitions(${target} PRIVATE DROVER_FAILPOINTS=1)
  endif()
endfunction()
