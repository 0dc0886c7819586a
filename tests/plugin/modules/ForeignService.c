/* A service plugin of some other build. Touching its descriptor would crash. */
#include <drover/PluginAbi.h>
#include <stdlib.h>

#ifndef DEFECT_NO_STAMP
DROVER_EXPORT const char* drover_build_stamp(void);
DROVER_EXPORT const char* drover_build_stamp(void) {
    return "0.0.1 of another compiler";
}
#endif

DROVER_EXPORT const void* drover_service(void);
DROVER_EXPORT const void* drover_service(void) {
    abort();
}

#ifdef DEFECT_BOTH
DROVER_EXPORT const drover_plugin_descriptor* drover_plugin(void);
DROVER_EXPORT const drover_plugin_descriptor* drover_plugin(void) {
    abort();
}
#endif
