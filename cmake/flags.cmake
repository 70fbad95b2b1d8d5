# Warnings, sanitizers and hardening, for our own code only.
add_library(busbar_flags INTERFACE)
target_compile_options(busbar_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
                       # Designated initialisers leave out what has a good default.
                       -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND BUSBAR_SANITIZE)
  # The sanitizers make g++ 12 see uninitialised values inside the standard library.
  target_compile_options(busbar_flags INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow
                         -Wno-tsan)  # Asio's fences, which the thread sanitizer does not follow
endif()

if(BUSBAR_SANITIZE)
  add_compile_options(-fsanitize=${BUSBAR_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BUSBAR_SANITIZE})
endif()

if(BUSBAR_HARDENING)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
                      -fstack-clash-protection -fcf-protection -fPIE -D_GLIBCXX_ASSERTIONS)
  add_link_options(-pie -Wl,-z,relro,-z,now)
endif()
